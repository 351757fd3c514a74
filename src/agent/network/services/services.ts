/** DHCP, DNS and metadata of all tenant networks of this host, served by this one process on borrowed sockets. */
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import type { NetworkWanted } from '../../api.ts';
import { networkBridge } from '../names.ts';
import { socketsBorrow, type Borrowed, type SocketWanted } from './borrow.ts';
import { dhcp4Answer } from './dhcp4-answer.ts';
import { dhcp4Decode, dhcp4Encode } from './dhcp4-message.ts';
import { dhcp6Answer } from './dhcp6-answer.ts';
import type { DnsForward } from './dns-forward.ts';
import { dnsConnectionServe, dnsResolve } from './dns-server.ts';
import { metadataServerOpen, type MetadataLookup } from './metadata-server.ts';

export interface NetworkServices {
  /** Opens the sockets of a network that has none yet. */
  ensure(networkId: string, namespace: string): Promise<void>;
  remove(networkId: string): void;
  close(): void;
}

export interface NetworkServicesOptions {
  readonly network: (id: string) => NetworkWanted | null;
  readonly metadata: MetadataLookup;
  readonly forward: DnsForward;
}

/** All of them bound to any address, so that a change of subnets needs no new ones. */
const sockets: readonly SocketWanted[] = [
  { name: 'dhcp4', type: 'udp4', address: '0.0.0.0', port: 67 },
  {
    name: 'dhcp6',
    type: 'udp6',
    address: '::',
    port: 547,
    multicast: { group: 'ff02::1:2', link: `::%${networkBridge}` },
  },
  { name: 'dns4', type: 'udp4', address: '0.0.0.0', port: 53 },
  { name: 'dns6', type: 'udp6', address: '::', port: 53 },
  { name: 'dns-tcp', type: 'tcp', address: '::', port: 53 },
  { name: 'metadata', type: 'tcp', address: '::', port: 80 },
];

const tcpConnectionsMax = 64;

export function networkServicesOpen(options: NetworkServicesOptions): NetworkServices {
  const borrowed = new Map<string, Borrowed>();
  const metadata = metadataServerOpen(options.metadata);
  return {
    async ensure(networkId, namespace) {
      if (borrowed.has(networkId)) return;
      const ours = await socketsBorrow(namespace, sockets);
      borrowed.set(networkId, ours);
      serve(networkId, ours);
    },
    remove(networkId) {
      socketsClose(borrowed.get(networkId));
      borrowed.delete(networkId);
    },
    close() {
      for (const ours of borrowed.values()) socketsClose(ours);
      borrowed.clear();
      metadata.close();
    },
  };

  function serve(networkId: string, { udp, tcp }: Borrowed): void {
    const network = (): NetworkWanted | null => options.network(networkId);
    onDatagram(udp.get('dhcp4'), (bytes, socket) => {
      const request = dhcp4Decode(bytes);
      const wanted = network();
      if (request === null || wanted === null) return;
      const answer = dhcp4Answer(wanted, request);
      if (answer !== null) socketSend(socket, dhcp4Encode(answer.message), 68, answer.destination);
    });
    onDatagram(udp.get('dhcp6'), (bytes, socket, { address, port }) => {
      const wanted = network();
      const answer = wanted === null ? null : dhcp6Answer(wanted, bytes);
      if (answer !== null) socketSend(socket, answer, port, address);
    });
    for (const name of ['dns4', 'dns6'])
      onDatagram(udp.get(name), async (bytes, socket, { address, port }) => {
        const answer = await dnsResolve(network(), bytes, (query) =>
          options.forward.ask(query, 'udp'),
        );
        if (answer !== null) socketSend(socket, answer, port, address);
      });
    onConnection(tcp.get('dns-tcp'), (socket) =>
      dnsConnectionServe(socket, (bytes) =>
        dnsResolve(network(), bytes, (query) => options.forward.ask(query, 'tcp')),
      ),
    );
    onConnection(tcp.get('metadata'), (socket) => metadata.accept(networkId, socket));
  }
}

type Source = { readonly address: string; readonly port: number };

/** What a guest sends may be anything: whatever it breaks is lost with its own datagram. */
function onDatagram(
  socket: UdpSocket | undefined,
  answer: (bytes: Uint8Array, socket: UdpSocket, source: Source) => void | Promise<void>,
): void {
  socket?.on('error', () => {});
  socket?.on('message', (bytes, source) => {
    void Promise.try(answer, bytes, socket, source).catch(() => {});
  });
}

function onConnection(server: Server | undefined, accept: (socket: Socket) => void): void {
  let connections = 0;
  server?.on('error', () => {});
  server?.on('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    if (connections >= tcpConnectionsMax) return void socket.destroy();
    connections += 1;
    socket.on('close', () => (connections -= 1));
    accept(socket);
  });
}

/** An answer that cannot be sent is asked for again. */
function socketSend(socket: UdpSocket, bytes: Uint8Array, port: number, address: string): void {
  socket.send(bytes, port, address, () => {});
}

function socketsClose(borrowed: Borrowed | undefined): void {
  for (const socket of borrowed?.udp.values() ?? []) socket.close();
  for (const server of borrowed?.tcp.values() ?? []) server.close();
}
