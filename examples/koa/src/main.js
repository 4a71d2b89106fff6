import { start } from './server.js';

const { url, close } = await start({ port: Number(process.env.PORT ?? 3000) });
console.log(`listening on ${url}`);
process.once('SIGINT', close).once('SIGTERM', close);
