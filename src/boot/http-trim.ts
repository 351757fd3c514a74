/**
 * An import of node:http reads each thing it offers, and three of them bring the whole client behind `fetch`: some 50 ms and
 * 10 MiB in every program of a cloud, none of which asks for them. What they name is still there under its global name.
 */
export function httpTrim(): void {
  const http = process.getBuiltinModule('node:http');
  for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent'])
    Reflect.deleteProperty(http, name);
}
