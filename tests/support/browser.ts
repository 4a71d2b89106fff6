/** A real browser whose pages have the client: they come from a server of their own, another origin than the hub. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'tsup';
import { browserProgram } from './programs.ts';

const tests = fileURLToPath(new URL('..', import.meta.url));
const packages = join(tests, '..', 'packages');

export interface Browser {
  /** A tab in which `meetcast` of `browser-page.ts` is there to be called. */
  open(): Promise<Page>;
  close(): Promise<void>;
}

export async function startBrowser(): Promise<Browser> {
  const script = await bundlePage();
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch({
    ...(browserProgram ? { executablePath: browserProgram } : {}),
    args: ['--no-sandbox'],
  });
  const context: BrowserContext = await browser.newContext();
  return {
    async open() {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.waitForFunction('globalThis.meetcast !== undefined');
      return page;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One script of the page and the sources as they are now. */
async function bundlePage(): Promise<string> {
  const directory = join(tests, 'dist', `page-${process.pid}-${Date.now()}`);
  mkdirSync(directory, { recursive: true });
  try {
    await build({
      entry: { page: join(tests, 'support', 'browser-page.ts') },
      outDir: directory,
      format: ['esm'],
      platform: 'browser',
      target: 'es2022',
      config: false,
      silent: true,
      noExternal: [/^@meetcast\//, 'zod'],
      esbuildOptions(options) {
        options.alias = {
          '@meetcast/client/indexeddb-spool': join(packages, 'client', 'src', 'spool', 'indexeddb-spool.ts'),
          '@meetcast/client': join(packages, 'client', 'src', 'index.browser.ts'),
          '@meetcast/protocol': join(packages, 'protocol', 'src', 'index.ts'),
        };
      },
    });
    return readFileSync(join(directory, 'page.js'), 'utf8');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
