/** What one stream asked for in its query string, checked and typed. */

export interface ListenSettings {
  model: string;
  language: string;
  /** Absent: the client promised a container, which the simulator cannot open. */
  encoding: string | undefined;
  sampleRate: number;
  channels: number;
  multichannel: boolean;
  interimResults: boolean;
  /** Silence that ends speech; undefined when switched off. */
  endpointingMs: number | undefined;
  utteranceEndMs: number | undefined;
  vadEvents: boolean;
  punctuate: boolean;
  diarize: boolean;
  detectEntities: boolean;
  extra: Record<string, string> | undefined;
}

export const isNova3 = (model: string): boolean => model === 'nova-3' || model.startsWith('nova-3-');
