#!/usr/bin/python3
"""The walk by openstacksdk: sdk-walk.py CLOUD PUBLIC_KEY_FILE. Prints one line a step; any exception is a failure."""
import sys
import time

import openstack

cloud, key_file = sys.argv[1:3]
conn = openstack.connect(cloud=cloud)
made = []


def step(name):
    print(name, flush=True)


def wait_gone(server):
    conn.compute.wait_for_delete(server, wait=600)


try:
    image = conn.image.find_image('tiny', ignore_missing=False)
    flavor = conn.compute.find_flavor('m1.nano', ignore_missing=False)
    network = conn.network.create_network(name='sdk-net')
    made.append(lambda: conn.network.delete_network(network))
    subnet = conn.network.create_subnet(name='sdk-subnet', network_id=network.id, ip_version=4, cidr='10.8.0.0/24')
    router = conn.network.create_router(
        name='sdk-router',
        external_gateway_info={'network_id': conn.network.find_network('public', ignore_missing=False).id},
    )
    made.append(lambda: conn.network.delete_router(router))
    conn.network.add_interface_to_router(router, subnet_id=subnet.id)
    made.append(lambda: conn.network.remove_interface_from_router(router, subnet_id=subnet.id))
    step('network, subnet, router')

    group = conn.network.create_security_group(name='sdk-group')
    made.append(lambda: conn.network.delete_security_group(group))
    conn.network.create_security_group_rule(
        security_group_id=group.id, direction='ingress', protocol='tcp', port_range_min=22, port_range_max=22
    )
    keypair = conn.compute.create_keypair(name='sdk-key', public_key=open(key_file).read())
    made.append(lambda: conn.compute.delete_keypair(keypair))
    step('security group, key pair')

    server = conn.compute.create_server(
        name='sdk-server',
        image_id=image.id,
        flavor_id=flavor.id,
        networks=[{'uuid': network.id}],
        key_name='sdk-key',
        security_groups=[{'name': 'sdk-group'}],
        metadata={'purpose': 'walk'},
    )
    server = conn.compute.wait_for_server(server, wait=600)
    made.append(lambda: (conn.compute.delete_server(server), wait_gone(server)))
    assert server.status == 'ACTIVE', server.status
    assert server.metadata == {'purpose': 'walk'}, server.metadata
    assert [s.id for s in conn.compute.servers(name='sdk-server')] == [server.id]
    step('server')

    floating = conn.network.create_ip(floating_network_id=conn.network.find_network('public').id)
    made.append(lambda: conn.network.delete_ip(floating))
    port = next(conn.network.ports(device_id=server.id))
    conn.network.update_ip(floating, port_id=port.id)
    shown = conn.compute.get_server(server)
    addresses = [a['addr'] for a in shown.addresses['sdk-net']]
    assert floating.floating_ip_address in addresses, addresses
    step('floating IP')

    conn.compute.stop_server(server)
    conn.compute.wait_for_server(server, status='SHUTOFF', wait=600)
    conn.compute.start_server(server)
    conn.compute.wait_for_server(server, status='ACTIVE', wait=600)
    conn.compute.reboot_server(server, 'HARD')
    time.sleep(1)
    conn.compute.wait_for_server(server, status='ACTIVE', wait=600)
    step('stop, start, reboot')

    snapshot = conn.compute.create_server_image(server, 'sdk-image', wait=True, timeout=600)
    made.append(lambda: conn.image.delete_image(snapshot.id))
    assert conn.image.get_image(snapshot.id).status == 'active'
    step('snapshot')

    output = conn.compute.get_server_console_output(server)['output']
    assert isinstance(output, str)
    step('console')
finally:
    for undo in reversed(made):
        undo()
    step('everything deleted')
