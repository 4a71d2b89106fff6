/** The hub's HTTP addresses: which there are, who may ask, and what answers. */
import type { Authenticator, Grant } from '../auth/authenticator.ts';
import { isNamed } from '../lib/errors.ts';
import { problemText, tokenText } from '../lib/sentences.ts';
import { type Endpoint, type RestContext, tryAgain } from './endpoint.ts';
import { events } from './event-feed.ts';
import { postEvent } from './event-posts.ts';
import { BodyRefused, type HubRequest, type HubResponse, json, problem } from './exchange.ts';
import { health, healthDetailed } from './health.ts';
import { forgetMeeting, hubStats, listMeetings, meetingStats, oneMeeting } from './meetings.ts';
import { metrics } from './metrics.ts';
import { isMeetingId, type RestRoute, restRoute, type Target, targetOf, webSocketRoute } from './routes.ts';
import { searchMeeting, searchTenant } from './search.ts';
import { tokenOf } from './token.ts';
import { transcript } from './transcripts.ts';

/** Who is asked, and where. */
export interface RestOptions {
  readonly basePath: string;
  readonly authenticate: Authenticator;
  readonly isQueryTokenAllowed: boolean;
}

type Method = 'GET' | 'POST' | 'DELETE';

const endpoints: Record<RestRoute['name'], Partial<Record<Method, Endpoint>>> = {
  ping: { GET: { for: 'anyone', answer: async () => json({ pong: true }) } },
  health: { GET: { for: 'anyone', answer: health } },
  'health-detailed': { GET: { for: 'anyone', answer: healthDetailed } },
  metrics: { GET: { for: 'anyone', answer: metrics } },
  stats: { GET: { for: 'anyone', answer: hubStats } },
  meetings: { GET: { for: 'subscribe', about: 'tenant', answer: listMeetings } },
  search: { GET: { for: 'subscribe', about: 'tenant', answer: searchTenant } },
  meeting: {
    GET: { for: 'subscribe', about: 'meeting', answer: oneMeeting },
    DELETE: { for: 'manage', about: 'meeting', answer: forgetMeeting },
  },
  'meeting-stats': { GET: { for: 'subscribe', about: 'meeting', answer: meetingStats } },
  'meeting-search': { GET: { for: 'subscribe', about: 'meeting', answer: searchMeeting } },
  transcript: { GET: { for: 'subscribe', about: 'meeting', answer: transcript } },
  events: {
    GET: { for: 'subscribe', about: 'meeting', answer: events },
    POST: { for: 'publish', about: 'meeting', answer: postEvent },
  },
};

/** The answer to a request, or nothing if its address is not the hub's. */
export async function answer(
  request: HubRequest,
  options: RestOptions,
  context: RestContext,
): Promise<HubResponse | undefined> {
  const target = targetOf(request.target);
  const route = restRoute(target.path, options.basePath);
  if (!route) return webSocketRoute(target.path, options.basePath) && upgradeRequired();
  const methods = endpoints[route.name];
  const endpoint = methods[(request.method === 'HEAD' ? 'GET' : request.method) as Method];
  if (!endpoint) return methodNotAllowed(request.method, Object.keys(methods));
  // How a node ends is to be seen too.
  if (context.isClosing && route.name !== 'metrics') return tryAgain(problemText.shuttingDown);
  try {
    return await call(endpoint, route, request, target, options, context);
  } catch (error) {
    if (error instanceof BodyRefused) return bodyRefused(error);
    // A client that left in the middle of its request is no failure of the hub.
    if (!request.signal.aborted) context.observe({ type: 'error', stage: 'http', error });
    return problem(500, 'internal_error', problemText.failed);
  }
}

async function call(
  endpoint: Endpoint,
  route: RestRoute,
  request: HubRequest,
  target: Target,
  options: RestOptions,
  context: RestContext,
): Promise<HubResponse> {
  const { query } = target;
  if (endpoint.for === 'anyone') return endpoint.answer({ request, query, context });
  const grant = await grantFor(request, target, options);
  if (!('may' in grant)) return grant;
  if (route.meeting !== undefined && !isMeetingId(route.meeting)) {
    return problem(400, 'bad_meeting_id', problemText.notMeetingId);
  }
  if (!grant.may.has(endpoint.for)) {
    return problem(403, 'forbidden', tokenText.forbidden(grant.role, endpoint.for));
  }
  if (endpoint.about === 'tenant') return endpoint.answer({ request, query, context, grant });
  const meeting = { tenant: grant.tenant, id: route.meeting ?? '' };
  return endpoint.answer({ request, query, context, grant, meeting });
}

async function grantFor(
  request: HubRequest,
  { query }: Target,
  options: RestOptions,
): Promise<Grant | HubResponse> {
  const places = { authorization: request.header('authorization'), subprotocols: [], query };
  const token = tokenOf(places, options.isQueryTokenAllowed);
  if (token === undefined) return unauthorized(tokenText.missingHeader);
  try {
    return await options.authenticate(token);
  } catch (error) {
    if (isNamed('AuthError', error)) return unauthorized(error.message);
    throw error;
  }
}

function unauthorized(detail: string): HubResponse {
  return problem(401, 'auth_failed', detail, { 'www-authenticate': 'Bearer' });
}

const bodyRefused = ({ why, message }: BodyRefused): HubResponse =>
  problem(why === 'too_large' ? 413 : 400, why, message);

function methodNotAllowed(method: string, methods: string[]): HubResponse {
  const allowed = methods.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
  const detail = problemText.methodNotAllowed(method, allowed.join(' or '));
  return problem(405, 'method_not_allowed', detail, { allow: allowed.join(', ') });
}

const upgradeRequired = (): HubResponse =>
  problem(426, 'upgrade_required', problemText.webSocketOnly, { upgrade: 'websocket' });
