import type { Cloud } from './cloud.ts';

/** What a person needs after `up`, on one screen. */
export function summaryText(cloud: Cloud, state: string, asJson: boolean): string {
  const { configuration, layout } = cloud;
  const { publicUrl, external } = configuration;
  if (asJson) {
    const { stateDir, cloudsFile, openrcFile } = layout;
    const { region } = configuration;
    const identityUrl = `${publicUrl}/identity/v3`;
    return JSON.stringify({
      state,
      stateDir,
      publicUrl,
      identityUrl,
      region,
      cloudsFile,
      openrcFile,
    });
  }
  const clouds = configuration.demo ? 'welkin (admin), welkin-demo (user demo)' : 'welkin (admin)';
  return `The cloud in ${layout.stateDir} ${state}.

  API           ${publicUrl}  (identity: ${publicUrl}/identity/v3, region ${configuration.region})
  external      ${external.cidr}, this machine is ${external.hostAddress}
  credentials   ${layout.cloudsFile}  clouds: ${clouds}
                ${layout.openrcFile}
  logs          ${layout.logDir}

Next:
  export OS_CLIENT_CONFIG_FILE=${layout.cloudsFile} OS_CLOUD=${configuration.demo ? 'welkin-demo' : 'welkin'}
  ./welkin image build tiny${layout.stateDir === '/var/lib/welkin' ? '' : ` --state-dir ${layout.stateDir}`}
  openstack server create --image tiny --flavor m1.nano --network ${configuration.demo ? 'private' : external.name} --wait first`;
}
