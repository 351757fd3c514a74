import type { IdentityContext } from './identity.world.ts';
import type { Project } from './project.model.ts';
import { selfLink } from './reply.ts';

export const projectView = (
  context: IdentityContext,
  project: Project,
  tags: readonly string[],
) => ({
  ...project.extra,
  id: project.id,
  name: project.name,
  domain_id: project.domainId,
  parent_id: project.parentId,
  is_domain: project.isDomain,
  description: project.description,
  enabled: project.isEnabled,
  tags,
  options: project.options,
  links: selfLink(context, `/projects/${project.id}`),
});

export const domainView = (context: IdentityContext, domain: Project, tags: readonly string[]) => ({
  ...domain.extra,
  id: domain.id,
  name: domain.name,
  description: domain.description,
  enabled: domain.isEnabled,
  tags,
  options: domain.options,
  links: selfLink(context, `/domains/${domain.id}`),
});
