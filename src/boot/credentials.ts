import { existsSync, readFileSync } from 'node:fs';
import type { Configuration } from './configuration.model.ts';
import { fileWrite } from './files.ts';
import type { Layout } from './layout.ts';

/**
 * `clouds.yaml` and `openrc` of the first users. A file that already names this address is left as it is: its owner
 * may have changed a password in it.
 */
export function credentialsEnsure(layout: Layout, configuration: Configuration): void {
  const authUrl = `${configuration.publicUrl}/identity/v3`;
  const admin = { user: 'admin', project: 'admin', password: secretRead(layout.adminPasswordFile) };
  const demo = { user: 'demo', project: 'demo', password: secretRead(layout.demoPasswordFile) };
  const place = {
    authUrl,
    region: configuration.region,
    caCertificate: configuration.tls ? layout.caCertificate : null,
  };
  const clouds = [cloudText('welkin', admin, place)];
  if (configuration.demo) clouds.push(cloudText('welkin-demo', demo, place));
  write(layout.cloudsFile, `clouds:\n${clouds.join('')}`, place);
  write(layout.openrcFile, openrcText(admin, place), place);
}

interface Account {
  readonly user: string;
  readonly project: string;
  readonly password: string;
}

interface Place {
  readonly authUrl: string;
  readonly region: string;
  readonly caCertificate: string | null;
}

export const secretRead = (path: string): string => readFileSync(path, 'utf8').trim();

function write(path: string, text: string, { authUrl, region }: Place): void {
  const present = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const isCurrent = [authUrl, region].every((value) => present.includes(JSON.stringify(value)));
  if (!isCurrent) fileWrite(path, text, { mode: 0o600 });
}

/** JSON's quoted text is YAML's. */
function cloudText(name: string, account: Account, place: Place): string {
  const quote = (value: string): string => JSON.stringify(value);
  const lines = [
    `  ${name}:`,
    '    auth:',
    `      auth_url: ${quote(place.authUrl)}`,
    `      username: ${account.user}`,
    `      password: ${quote(account.password)}`,
    `      project_name: ${account.project}`,
    '      user_domain_name: Default',
    '      project_domain_name: Default',
    `    region_name: ${quote(place.region)}`,
    '    identity_api_version: 3',
  ];
  if (place.caCertificate !== null) lines.push(`    cacert: ${quote(place.caCertificate)}`);
  return `${lines.join('\n')}\n`;
}

function openrcText(account: Account, place: Place): string {
  const values = {
    OS_AUTH_URL: place.authUrl,
    OS_USERNAME: account.user,
    OS_PASSWORD: account.password,
    OS_PROJECT_NAME: account.project,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: place.region,
    OS_IDENTITY_API_VERSION: '3',
    ...(place.caCertificate === null ? {} : { OS_CACERT: place.caCertificate }),
  };
  const lines = Object.entries(values).map(
    ([name, value]) => `export ${name}=${JSON.stringify(value)}`,
  );
  return `${lines.join('\n')}\n`;
}
