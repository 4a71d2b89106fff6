/** What turns a served hub's audio into words: Deepgram, something that speaks its protocol, or the simulator. */
import type { Recognizer } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { CliError } from '../exit.ts';
import { serveNote, serveProblem } from '../sentences.ts';
import type { ServeSettings } from './settings.ts';

/** Decided by the settings alone. */
export type RecognizerPlan =
  | { name: 'deepgram'; apiKey: string; endpoint: string | undefined }
  /** An endpoint on this machine asks for no key worth keeping. */
  | { name: 'keyless'; endpoint: string }
  | { name: 'simulator' };

export interface ServedRecognizer {
  recognizer: Recognizer;
  /** What people should know about it. */
  note: string;
  close(): Promise<void>;
}

const placeholderKey = 'simulator';

export function recognizerPlan(settings: ServeSettings): RecognizerPlan {
  const { DEEPGRAM_API_KEY: apiKey, DEEPGRAM_ENDPOINT: endpoint } = settings;
  if (apiKey !== undefined) return { name: 'deepgram', apiKey, endpoint };
  if (endpoint === undefined) return { name: 'simulator' };
  if (isLoopback(endpoint)) return { name: 'keyless', endpoint };
  throw new CliError('usage', ...serveProblem.keyNeeded(new URL(endpoint).host));
}

function isLoopback(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

export async function openRecognizer(
  plan: RecognizerPlan,
  settings: ServeSettings,
): Promise<ServedRecognizer> {
  const { DEEPGRAM_MODEL: model, DEEPGRAM_LANGUAGE: language } = settings;
  const asked = {
    ...(model === undefined ? {} : { model }),
    ...(language === undefined ? {} : { language }),
  };
  if (plan.name === 'simulator') return besideTheHub(asked);
  const { endpoint } = plan;
  const apiKey = plan.name === 'deepgram' ? plan.apiKey : placeholderKey;
  return {
    recognizer: deepgram({ ...asked, apiKey, ...(endpoint === undefined ? {} : { endpoint }) }),
    note:
      plan.name === 'deepgram'
        ? serveNote.deepgram(endpoint === undefined ? 'Deepgram' : new URL(endpoint).host)
        : serveNote.keyless(plan.endpoint, placeholderKey),
    close: async () => {},
  };
}

async function besideTheHub(asked: { model?: string; language?: string }): Promise<ServedRecognizer> {
  const { startDeepgramSimulator } = await import('@meetcast/testing');
  const simulator = await startDeepgramSimulator({ pace: 0 });
  return {
    recognizer: deepgram({ ...asked, apiKey: placeholderKey, endpoint: simulator.url }),
    note: serveNote.simulator,
    close: () => simulator.close(),
  };
}
