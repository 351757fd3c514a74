import type { ObjectWorld } from '../object.world.ts';
import { bulkDeleteLimits } from './bulk-delete.ts';
import { extractLimits } from './bulk-extract.ts';
import { limits } from './limits.ts';
import { sloLimits } from './slo-manifest.ts';
import { linksMax } from './source.ts';
import { policyName } from './swift-account.ts';
import { json, reply, type SwiftReply } from './swift.reply.ts';
import type { RawRequest } from './swift.request.ts';
import { temporaryDigests, temporaryMethods } from './tempurl.ts';

/** Names only: addresses and keys are the operators'. */
const realmsShown = ({ settings }: ObjectWorld): unknown =>
  Object.fromEntries(
    settings.swift.syncRealms.map(({ name, clusters, current }) => [
      name,
      {
        clusters: Object.fromEntries(
          Object.keys(clusters).map((cluster) => [
            cluster,
            cluster === current ? { current: true } : {},
          ]),
        ),
      },
    ]),
  );

/** What this store can do, for clients that ask first. */
const capabilities = (world: ObjectWorld): unknown => ({
  swift: {
    // The release whose functional tests this store is held against.
    version: '2.30.1',
    strict_cors_mode: true,
    allow_account_management: true,
    account_autocreate: true,
    max_file_size: limits.maxFileBytes,
    max_meta_name_length: limits.metaNameBytes,
    max_meta_value_length: limits.metaValueBytes,
    max_meta_count: limits.metaCount,
    max_meta_overall_size: limits.metaOverallBytes,
    max_header_size: limits.headerBytes,
    extra_header_count: 0,
    max_object_name_length: limits.objectNameBytes,
    max_container_name_length: limits.containerNameBytes,
    max_account_name_length: limits.accountNameBytes,
    container_listing_limit: limits.listing,
    account_listing_limit: limits.listing,
    policies: [{ name: policyName, default: true, aliases: policyName }],
    valid_api_versions: ['v1', 'v1.0'],
    auto_create_account_prefix: '.',
  },
  account_quotas: {},
  bulk_delete: {
    max_deletes_per_request: bulkDeleteLimits.names,
    max_failed_deletes: bulkDeleteLimits.failures,
  },
  bulk_upload: {
    max_containers_per_extraction: extractLimits.containers,
    max_failed_extractions: extractLimits.failures,
  },
  container_quotas: {},
  container_sync: { realms: realmsShown(world) },
  crossdomain: {},
  formpost: { allowed_digests: temporaryDigests, deprecated_digests: ['sha1'] },
  object_versioning: {},
  // Clients of both APIs look here for what S3 can.
  s3api: {
    max_bucket_listing: 1000,
    max_parts_listing: 1000,
    max_upload_part_num: 10_000,
    max_multi_delete_objects: 1000,
    allow_multipart_uploads: true,
    min_segment_size: 5 << 20,
    s3_acl: true,
  },
  slo: {
    max_manifest_segments: sloLimits.segments,
    max_manifest_size: sloLimits.manifestBytes,
    min_segment_size: sloLimits.minSegmentBytes,
    yield_frequency: 10,
    allow_async_delete: true,
  },
  staticweb: {},
  symlink: { symloop_max: linksMax, static_links: true },
  tempurl: {
    methods: temporaryMethods,
    incoming_remove_headers: ['x-timestamp'],
    incoming_allow_headers: [],
    outgoing_remove_headers: ['x-object-meta-*'],
    outgoing_allow_headers: ['x-object-meta-public-*'],
    allowed_digests: temporaryDigests,
    deprecated_digests: ['sha1'],
  },
  versioned_writes: { allowed_flags: ['x-versions-location', 'x-history-location'] },
  ...(world.settings.tempauth.length > 0 && { tempauth: { account_acls: true } }),
  ...(world.settings.swiftDomains.length > 0 && {
    domain_remap: { default_reseller_prefix: world.settings.resellerPrefix.replace(/_$/, '') },
  }),
});

const crossDomain = `<?xml version="1.0"?>
<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >
<cross-domain-policy>
<allow-access-from domain="*" secure="false" />
</cross-domain-policy>`;

/** Paths that belong to no account; null: none of them. */
export function outsideReply(world: ObjectWorld, { method, path }: RawRequest): SwiftReply | null {
  const answers: Readonly<Record<string, () => SwiftReply>> = {
    '/info': () => json(capabilities(world)),
    '/healthcheck': () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: 'OK' }),
    '/crossdomain.xml': () => ({
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: crossDomain,
    }),
  };
  const answer = answers[path];
  if (answer === undefined) return null;
  if (method === 'OPTIONS') return { status: 200, headers: { allow: 'GET, HEAD, OPTIONS' } };
  return method === 'GET' || method === 'HEAD'
    ? answer()
    : reply(405, null, { allow: 'GET, HEAD, OPTIONS' });
}
