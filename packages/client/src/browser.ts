/** The client in browsers, and wherever else WebSocket is a global. */
import { openNative } from './native.ts';
import { openSubscription, type SubscribeOptions, type Subscription } from './subscription.ts';

/** Watches a meeting. */
export const subscribe = (options: SubscribeOptions): Subscription => openSubscription(options, openNative);
