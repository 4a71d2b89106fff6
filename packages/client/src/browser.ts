/** The client in browsers, and wherever else WebSocket is a global. */

import { openPublisher } from './meeting-publisher.ts';
import { openNative } from './native.ts';
import type { Publisher, PublishOptions } from './publisher.ts';
import { openSubscription, type SubscribeOptions, type Subscription } from './subscription.ts';

/** Watches a meeting. */
export const subscribe = (options: SubscribeOptions): Subscription => openSubscription(options, openNative);

/** Sends a meeting's audio. */
export const publish = (options: PublishOptions): Publisher => openPublisher(options, openNative);
