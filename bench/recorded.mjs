/** Listens at the drivers for the statements that stores run. */
import { libsqlPromise, pg } from './packages.mjs';

let statements;

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function recording(config, ...rest) {
  if (config.text) statements?.push({ text: config.text, values: config.values });
  return query.call(this, config, ...rest);
};

const { prepare } = libsqlPromise.prototype;
libsqlPromise.prototype.prepare = async function recording(text) {
  const statement = await prepare.call(this, text);
  const all = statement.all.bind(statement);
  statement.all = (values) => {
    statements?.push({ text, values });
    return all(values);
  };
  return statement;
};

/** The statements that run meanwhile. */
export async function recorded(work) {
  statements = [];
  await work();
  const run = statements;
  statements = undefined;
  return run;
}
