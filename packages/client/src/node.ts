/** The client in Node. */
import { openSubscription, type SubscribeOptions, type Subscription } from './subscription.ts';
import { openWs } from './ws.ts';

/** Watches a meeting. */
export const subscribe = (options: SubscribeOptions): Subscription => openSubscription(options, openWs);
