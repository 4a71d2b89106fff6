/** One connection to a SQLite file, which runs statements off the event loop, one at a time. */
import libsql from 'libsql/promise';
import type { Row, SqlValue } from './sql.ts';

/** The part of the vendor's driver that is used here. */
interface Driver {
  prepare(text: string): Promise<Statement>;
  exec(text: string): Promise<void>;
  close(): void;
}

interface Statement {
  all(values: readonly SqlValue[]): Promise<Row[]>;
}

/** Prepared statements that are kept. */
const mostStatements = 100;

export class SqliteConnection {
  readonly #path: string;
  readonly #pragmas: readonly string[];
  readonly #statements = new Map<string, Statement>();
  #driver: Promise<Driver> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(path: string, pragmas: readonly string[]) {
    this.#path = path;
    this.#pragmas = pragmas;
  }

  /** Statements that were asked for and are not done. */
  get waiting(): number {
    return this.#waiting;
  }

  all(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#next(async (driver) => {
      const statement = await this.#prepared(driver, text);
      return statement.all(values);
    });
  }

  exec(text: string): Promise<void> {
    return this.#next((driver) => driver.exec(text));
  }

  async close(): Promise<void> {
    await this.#last;
    const driver = await this.#driver;
    driver?.close();
  }

  #next<T>(work: (driver: Driver) => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const done = this.#last.then(async () => work(await this.#open()));
    this.#last = done.then(
      () => this.#done(),
      () => this.#done(),
    );
    return done;
  }

  #done(): void {
    this.#waiting -= 1;
  }

  /** Opened by the first statement; one that cannot be opened is tried again by the next. */
  #open(): Promise<Driver> {
    this.#driver ??= open(this.#path, this.#pragmas).catch((error: unknown) => {
      this.#driver = undefined;
      throw error;
    });
    return this.#driver;
  }

  async #prepared(driver: Driver, text: string): Promise<Statement> {
    const statement = this.#statements.get(text) ?? (await driver.prepare(numbered(text)));
    this.#statements.delete(text);
    this.#statements.set(text, statement);
    const [oldest] = this.#statements.keys();
    if (this.#statements.size > mostStatements && oldest !== undefined) this.#statements.delete(oldest);
    return statement;
  }
}

/** To SQLite `$1` is a name, and looking up names takes longer than the statement; `?1` is the first value. */
const numbered = (text: string): string => text.replace(/\$(\d+)/g, '?$1');

async function open(path: string, pragmas: readonly string[]): Promise<Driver> {
  const driver: Driver = new libsql(path, {});
  try {
    for (const pragma of pragmas) await driver.exec(`PRAGMA ${pragma}`);
    return driver;
  } catch (error) {
    driver.close();
    throw error;
  }
}
