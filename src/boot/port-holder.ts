import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Who listens on a TCP port, such as `nginx (pid 812)`; null when nobody does or it may not be seen. */
export function portHolder(port: number): string | null {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return null;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (socketsOf(pid).some((inode) => inodes.has(inode))) return `${nameOf(pid)} (pid ${pid})`;
  }
  return null;
}

function listeningInodes(table: string, port: number): string[] {
  const listening = '0A';
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return readOr(`/proc/net/${table}`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === listening)
    .map((fields) => fields[9] ?? '');
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((file) => inodeOf(`/proc/${pid}/fd/${file}`));
  } catch {
    return [];
  }
}

function inodeOf(link: string): string[] {
  try {
    const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(link));
    return match?.[1] === undefined ? [] : [match[1]];
  } catch {
    return [];
  }
}

/** The program and what it runs: `node` alone would not tell one service from another. */
function nameOf(pid: string): string {
  const [program = '', ...words] = readOr(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);
  if (program === '') return readOr(`/proc/${pid}/comm`).trim();
  return [basename(program), ...words].join(' ').slice(0, 100);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
