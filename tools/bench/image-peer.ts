import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { peerStart, python, type Peer, type PeerPlace } from './peer.ts';

/** A server of images. */
export interface ImagePeer extends Peer {
  readonly imagesUrl: string;
}

/** Debian's Glance: one worker, files, SQLite, and nobody has to say who he is. */
export async function glanceStart(): Promise<ImagePeer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configure = ({ folder, env }: PeerPlace) => {
    const configuration = join(folder, 'glance-api.conf');
    mkdirSync(join(folder, 'images'));
    writeFileSync(configuration, configurationText(folder, port));
    writeFileSync(join(folder, 'paste.ini'), pasteText);
    const command = (program: string, ...words: readonly string[]): readonly string[] => {
      const run = `import sys; from glance.cmd.${program} import main; sys.exit(main())`;
      return ['-W', 'ignore', '-c', run, '--config-file', configuration, ...words];
    };
    execFileSync(python, command('manage', 'db_sync'), { env, stdio: 'pipe' });
    return [[python, ...command('api')]];
  };
  const answers = async (): Promise<boolean> => (await fetch(`${url}/v2/images`)).ok;
  const peer = await peerStart({ packages: ['python3-glance'], configure, answers });
  return { ...peer, imagesUrl: `${url}/v2` };
}

const configurationText = (folder: string, port: number): string => `[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${port}
workers = 1
enabled_backends = disk:file
[database]
connection = sqlite:///${folder}/glance.db
[glance_store]
default_backend = disk
[disk]
filesystem_store_datadir = ${folder}/images
[paste_deploy]
config_file = ${folder}/paste.ini
`;

const pasteText = `[pipeline:glance-api]
pipeline = context api
[composite:api]
paste.composite_factory = glance.api:root_app_factory
/v2: v2
[app:v2]
paste.app_factory = glance.api.v2.router:API.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
`;
