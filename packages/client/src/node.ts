/** The client in Node. */
import { openPublisher } from './meeting-publisher.ts';
import type { Publisher, PublishOptions } from './publisher.ts';
import { openSubscription, type SubscribeOptions, type Subscription } from './subscription.ts';
import { openWs } from './ws.ts';

/** Watches a meeting. */
export const subscribe = (options: SubscribeOptions): Subscription => openSubscription(options, openWs);

/** Sends a meeting's audio. */
export const publish = (options: PublishOptions): Publisher => openPublisher(options, openWs);
