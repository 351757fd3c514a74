import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouterWanted } from '../../src/agent/api.ts';
import { networkServe, type NetworkServe } from './network-serve.ts';
import { externalMake, routerMake, tenantMake } from './topology.ts';

const put = (one: NetworkServe, id: string, verb: string, body: object, as = 'ada') =>
  one.call(as, 'PUT', `routers/${id}${verb === '' ? '' : `/${verb}`}`, body);

test('a router with a gateway and an interface is in force on a host, and gone when it is deleted', async () => {
  await using one = await networkServe();
  const [outside, inside] = [await externalMake(one), await tenantMake(one, 'ada', '10.1.0.0/24')];
  const { id } = await routerMake(one, 'ada', outside, inside);
  await one.sync();
  const wanted = one.document<RouterWanted>('router', id);
  assert.deepEqual(wanted?.interfaces[0]?.addresses, ['10.1.0.1/24']);
  assert.deepEqual(wanted.gateway?.addresses, ['203.0.113.2/24']);
  assert.deepEqual(wanted.gateway.nexthops, ['203.0.113.1']);
  assert.equal(wanted.gateway.snat, true);
  assert.ok(one.document('network', inside.network.id));
  assert.ok(one.document('external', outside.network.id));

  const { json } = await one.call('admin', 'GET', `ports?device_id=${id}`);
  assert.deepEqual(
    json.ports.map((port: { status: string; device_owner: string; project_id: string }) => [
      port.device_owner,
      port.status,
      port.project_id === '' ? 'of the cloud' : 'of the project',
    ]),
    [
      ['network:router_gateway', 'ACTIVE', 'of the cloud'],
      ['network:router_interface', 'ACTIVE', 'of the project'],
    ],
  );

  assert.equal(
    (await one.call('ada', 'DELETE', `routers/${id}`)).json.NeutronError.type,
    'RouterInUse',
  );
  const removed = await put(one, id, 'remove_router_interface', { subnet_id: inside.subnet.id });
  assert.deepEqual(removed.json.subnet_ids, [inside.subnet.id]);
  assert.equal((await one.call('ada', 'DELETE', `routers/${id}`)).status, 204);
  await one.sync();
  assert.equal(one.document('router', id), undefined);
  assert.equal(one.document('network', inside.network.id), undefined);
  assert.equal(one.document('external', outside.network.id), undefined);
});

test('a router says what is wrong with a request', async () => {
  await using one = await networkServe();
  const outside = await externalMake(one);
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const same = await tenantMake(one, 'ada', '10.1.0.0/16');
  const { id } = await routerMake(one, 'ada', outside, inside);
  const port = await one.make('ada', 'ports', {
    port: { network_id: same.network.id, device_id: 'taken' },
  });
  const missing = '00000000-0000-4000-8000-000000000000';
  const add = 'add_router_interface';
  const remove = 'remove_router_interface';
  const cases: [verb: string, body: object, status: number, type: string][] = [
    [add, {}, 400, 'HTTPBadRequest'],
    [add, { subnet_id: same.subnet.id, port_id: port.id }, 400, 'HTTPBadRequest'],
    [add, { subnet_id: inside.subnet.id }, 400, 'HTTPBadRequest'],
    [add, { subnet_id: same.subnet.id }, 400, 'HTTPBadRequest'],
    [add, { subnet_id: missing }, 404, 'SubnetNotFound'],
    [add, { port_id: missing }, 404, 'PortNotFound'],
    [add, { port_id: port.id }, 409, 'PortInUse'],
    [add, { subnet_id: outside.subnet.id }, 404, 'SubnetNotFound'],
    [remove, {}, 400, 'HTTPBadRequest'],
    [remove, { port_id: port.id }, 404, 'RouterInterfaceNotFound'],
    [remove, { subnet_id: same.subnet.id }, 404, 'RouterInterfaceNotFoundForSubnet'],
    [remove, { subnet_id: missing }, 404, 'SubnetNotFound'],
    [
      '',
      { router: { external_gateway_info: { network_id: inside.network.id } } },
      400,
      'HTTPBadRequest',
    ],
    ['', { router: { external_gateway_info: { network_id: missing } } }, 404, 'NetworkNotFound'],
    ['', { router: { routes: [route('10.9.0.0/16', '10.1.0.7')] } }, 200, ''],
    ['', { router: { routes: [route('10.9.0.0/16', '10.8.0.7')] } }, 400, 'InvalidRoutes'],
    ['', { router: { routes: [route('10.9.0.0/16', '10.1.0.1')] } }, 400, 'InvalidRoutes'],
    ['', { router: { routes: [route('nowhere', '10.1.0.7')] } }, 400, 'InvalidInput'],
    [remove, { subnet_id: inside.subnet.id }, 409, 'RouterInterfaceInUseByRoute'],
    ['remove_extraroutes', { router: { routes: [route('10.9.0.0/16', '10.1.0.7')] } }, 200, ''],
    [remove, { subnet_id: inside.subnet.id }, 200, ''],
  ];
  for (const [verb, body, status, type] of cases) {
    const answer = await put(one, id, verb, body);
    const shown = `${verb} ${JSON.stringify(body)}: ${answer.text}`;
    assert.equal(answer.status, status, shown);
    assert.equal(answer.json.NeutronError?.type ?? '', type, shown);
  }
});

const route = (destination: string, nexthop: string) => ({ destination, nexthop });

test('routes are added and removed without naming those that stay', async () => {
  await using one = await networkServe();
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const { id } = await one.make('ada', 'routers', { router: {} });
  await put(one, id, 'add_router_interface', { subnet_id: inside.subnet.id });
  const [first, second] = [route('10.9.0.0/16', '10.1.0.7'), route('10.8.0.0/16', '10.1.0.8')];
  await put(one, id, 'add_extraroutes', { router: { routes: [first] } });
  const both = await put(one, id, 'add_extraroutes', { router: { routes: [second, first] } });
  assert.deepEqual(both.json.router.routes, [first, second]);
  await one.sync();
  assert.deepEqual(one.document<RouterWanted>('router', id)?.routes, [first, second]);
  const left = await put(one, id, 'remove_extraroutes', { router: { routes: [first] } });
  assert.deepEqual(left.json.router.routes, [second]);
});

test('only administrators say whether a router translates addresses and which address it has outside', async () => {
  await using one = await networkServe();
  const outside = await externalMake(one);
  const gateway = { network_id: outside.network.id };
  for (const more of [
    { enable_snat: false },
    { external_fixed_ips: [{ ip_address: '203.0.113.77' }] },
  ]) {
    const router = { external_gateway_info: { ...gateway, ...more } };
    const refused = await one.call('ada', 'POST', 'routers', { router });
    assert.equal(refused.status, 403, refused.text);
    await one.make('admin', 'routers', { router });
  }
  const { json } = await one.call('admin', 'GET', 'routers');
  assert.deepEqual(
    json.routers.map(
      (router: {
        external_gateway_info: {
          enable_snat: boolean;
          external_fixed_ips: { ip_address: string }[];
        };
      }) => [
        router.external_gateway_info.enable_snat,
        router.external_gateway_info.external_fixed_ips[0]?.ip_address,
      ],
    ),
    [
      [false, '203.0.113.2'],
      [true, '203.0.113.77'],
    ],
  );
});

test('a port becomes an interface of a router and is trusted from then on', async () => {
  await using one = await networkServe();
  const inside = await tenantMake(one, 'ada', '10.1.0.0/24');
  const port = await one.make('ada', 'ports', { port: { network_id: inside.network.id } });
  const { id } = await one.make('ada', 'routers', { router: {} });
  const added = await put(one, id, 'add_router_interface', { port_id: port.id });
  assert.equal(added.status, 200, added.text);
  const { json } = await one.call('ada', 'GET', `ports/${port.id}`);
  assert.equal(json.port.device_owner, 'network:router_interface');
  assert.equal(json.port.port_security_enabled, false);
  assert.deepEqual(json.port.security_groups, []);
  const direct = await one.call('ada', 'DELETE', `ports/${port.id}`);
  assert.equal(direct.status, 409);
});

test('subnets of IPv6 on one network share an interface', async () => {
  await using one = await networkServe();
  const { network, subnet } = await tenantMake(one, 'ada', 'fd00:1::/64');
  const other = await one.make('ada', 'subnets', {
    subnet: { network_id: network.id, ip_version: 6, cidr: 'fd00:2::/64' },
  });
  const { id } = await one.make('ada', 'routers', { router: {} });
  const first = await put(one, id, 'add_router_interface', { subnet_id: subnet.id });
  const second = await put(one, id, 'add_router_interface', { subnet_id: other.id });
  assert.equal(second.json.port_id, first.json.port_id);
  assert.deepEqual(second.json.subnet_ids, [subnet.id, other.id]);
  await put(one, id, 'remove_router_interface', { subnet_id: subnet.id });
  await one.sync();
  const wanted = one.document<RouterWanted>('router', id);
  assert.deepEqual(
    wanted?.interfaces.map(({ addresses }) => addresses),
    [['fd00:2::1/64']],
  );
});

test('routers of others are as if they were not there', async () => {
  await using one = await networkServe();
  const inside = await tenantMake(one, 'bob', '10.1.0.0/24');
  const { id } = await one.make('ada', 'routers', { router: {} });
  for (const [method, path, body] of [
    ['GET', `routers/${id}`, undefined],
    ['DELETE', `routers/${id}`, undefined],
    ['PUT', `routers/${id}`, { router: { name: 'mine' } }],
    ['PUT', `routers/${id}/add_router_interface`, { subnet_id: inside.subnet.id }],
  ] as const) {
    const answer = await one.call('bob', method, path, body);
    assert.equal(answer.status, 404, `${method} ${path}`);
  }
  assert.deepEqual((await one.call('bob', 'GET', 'routers')).json.routers, []);
  // Nor can a router of one's own reach into another's network.
  const stolen = await put(one, id, 'add_router_interface', { subnet_id: inside.subnet.id });
  assert.equal(stolen.json.NeutronError.type, 'SubnetNotFound');
  assert.equal((await one.call('rita', 'GET', `routers/${id}`)).status, 200);
  assert.equal((await one.call('rita', 'DELETE', `routers/${id}`)).status, 403);
});
