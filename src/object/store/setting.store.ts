import type { ObjectWorld } from '../object.world.ts';

/** What the store remembers of itself: JSON by name. */
export async function settingGet<T>(
  { root }: Pick<ObjectWorld, 'root'>,
  name: string,
): Promise<T | null> {
  const row = await root.read((tx) =>
    tx.selectFrom('setting').select('value').where('name', '=', name).executeTakeFirst(),
  );
  return row === undefined ? null : (JSON.parse(row.value) as T);
}

export async function settingSet(
  { root }: Pick<ObjectWorld, 'root'>,
  name: string,
  value: unknown,
): Promise<void> {
  const text = JSON.stringify(value);
  await root.write((tx) =>
    tx
      .insertInto('setting')
      .values({ name, value: text })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: text }))
      .execute(),
  );
}
