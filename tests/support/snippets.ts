/** The code blocks and tables of Markdown pages, and what is wrong with them. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/**
 * A fenced block. Comments right above its fence, which no reader sees, say more:
 *
 * - `<!-- with: … -->`: code that stands before the block when it is checked or run.
 * - `<!-- run -->`: the block ends by itself, with exit code 0.
 * - `<!-- run: prints TEXT -->`: it is stopped once it has printed the text.
 * - `<!-- run: serves -->`: it listens on port 8080, and ends on SIGTERM if it says how.
 * - `<!-- run: tests -->`: it is a vitest file.
 * - `<!-- run: session -->`: its lines are run one after another, beside a hub that one of them starts.
 */
export interface Snippet {
  /** From the root of the repository. */
  readonly file: string;
  /** Of the fence; the code begins below. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly setup: string;
  readonly run: Run | undefined;
}

type Run = { kind: 'ends' | 'serves' | 'tests' | 'session' } | { kind: 'prints'; text: string };

/** A table below `<!-- lists: NAME -->`: its rows, each a list of cells without markup. */
export interface Table {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly rows: readonly (readonly string[])[];
}

export interface Page {
  readonly snippets: readonly Snippet[];
  readonly tables: readonly Table[];
  /** Links to files of the repository: relative ones, and those that name it in full, as a package's page on npm has to. */
  readonly links: readonly { line: number; target: string }[];
}

export const placeOf = ({ file, line }: { file: string; line: number }): string => `${file}:${line}`;

/** Reads a page line by line. */
export function readPage(file: string, markdown: string): Page {
  const lines = markdown.split('\n');
  const snippets: Snippet[] = [];
  const tables: Table[] = [];
  const links: { line: number; target: string }[] = [];
  let comments: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const text = lines[at] ?? '';
    const line = at + 1;
    if (text.startsWith('<!--')) {
      const end = lines.findIndex((other, index) => index >= at && other.includes('-->'));
      if (end < 0) throw new Error(`${file}:${line}: the comment has no end`);
      const comment = lines.slice(at, end + 1).join('\n');
      comments.push(comment.replace(/^<!--\s*/, '').replace(/\s*-->\s*$/, ''));
      at = end;
      continue;
    }
    const fence = /^(\s*)(`{3,})(\S*)/.exec(text);
    if (fence) {
      const [, indent = '', ticks = '', language = ''] = fence;
      const end = lines.findIndex((other, index) => index > at && other.trim() === ticks);
      if (end < 0) throw new Error(`${file}:${line}: the code block has no end`);
      const code = lines.slice(at + 1, end).map((other) => other.slice(indent.length));
      snippets.push({
        file,
        line,
        language,
        code: code.join('\n'),
        ...saidAbove(comments, `${file}:${line}`),
      });
      at = end;
    } else if (text.startsWith('|')) {
      const end = lines.findIndex((other, index) => index > at && !other.startsWith('|'));
      const name = argumentOf(comments, 'lists');
      const rows = lines.slice(at + 2, end < 0 ? undefined : end).map(cellsOf);
      if (name !== undefined) tables.push({ file, line, name, rows });
      for (const [index, row] of lines.slice(at, end < 0 ? undefined : end).entries())
        links.push(...linksIn(row, line + index));
      at = (end < 0 ? lines.length : end) - 1;
    } else {
      links.push(...linksIn(text, line));
      if (text.trim() === '') continue; // A formatter may put an empty line below a comment.
    }
    comments = [];
  }
  return { snippets, tables, links };
}

function saidAbove(comments: readonly string[], place: string): Pick<Snippet, 'setup' | 'run'> {
  const runs = argumentOf(comments, 'run');
  return {
    setup: argumentOf(comments, 'with') ?? '',
    run: runs === undefined ? undefined : runOf(runs, place),
  };
}

function runOf(words: string, place: string): Run {
  if (words === '') return { kind: 'ends' };
  if (words === 'serves' || words === 'tests' || words === 'session') return { kind: words };
  const text = /^prints (.+)$/.exec(words)?.[1];
  if (text === undefined) throw new Error(`${place}: "run: ${words}" means nothing`);
  return { kind: 'prints', text };
}

/** What follows a word and a colon; empty for the bare word. */
function argumentOf(comments: readonly string[], word: string): string | undefined {
  const comment = comments.findLast((text) => text === word || text.startsWith(`${word}:`));
  return comment?.slice(word.length + 1).trim();
}

const cellsOf = (row: string): string[] =>
  row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.replaceAll(/[`*\\]/g, '').trim());

const repository = 'https://github.com/meetcast/meetcast/blob/main/';

const linksIn = (text: string, line: number) =>
  [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => ({ line, target }))
    .filter(({ target }) => target.startsWith(repository) || !/^[a-z]+:/.test(target));

/** Links that lead nowhere: to a file that is not there, or to a heading that is not in it. */
export function brokenLinks(root: string, file: string, links: Page['links']): string[] {
  return links.flatMap(({ line, target }) => {
    const [path = '', anchor] = target.split('#');
    const absolute = path.startsWith(repository)
      ? join(root, path.slice(repository.length))
      : resolve(root, path === '' ? file : join(dirname(file), path));
    if (!existsSync(absolute)) return [`${file}:${line}: nothing is at ${target}`];
    if (anchor === undefined || !absolute.endsWith('.md')) return [];
    const isThere = headingsOf(readFileSync(absolute, 'utf8')).includes(anchor);
    return isThere ? [] : [`${file}:${line}: no heading is at ${target}`];
  });
}

/** The anchors GitHub gives to a page's headings. What begins with `#` in a code block is a comment. */
const headingsOf = (markdown: string): string[] =>
  markdown
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .split('\n')
    .filter((line) => /^#{1,6} /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    );

const typed = new Map([
  ['ts', '.ts'],
  ['tsx', '.tsx'],
  ['js', '.js'],
]);

export const isTyped = ({ language }: Snippet): boolean => typed.has(language);

/** The typed snippets of all pages as one TypeScript program over the sources of the workspace. */
export class Typecheck {
  readonly #root: string;
  readonly #snippets: ReadonlyMap<string, Snippet>;
  readonly #program: ts.Program;

  constructor(root: string, snippets: readonly Snippet[]) {
    this.#root = root;
    // Below `tests`, so that the packages of the tests can be imported. Nothing is written there.
    this.#snippets = new Map(
      snippets.map((snippet) => {
        const name = `${placeOf(snippet).replaceAll(/[^\w]+/g, '-')}${typed.get(snippet.language)}`;
        return [join(root, 'tests', 'snippets-of-the-docs', name), snippet];
      }),
    );
    const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config.config, include: [] }, ts.sys, root);
    const all: ts.CompilerOptions = {
      ...options,
      allowJs: true,
      checkJs: true,
      moduleDetection: ts.ModuleDetectionKind.Force,
    };
    this.#program = ts.createProgram([...this.#snippets.keys()], all, this.#host(all));
  }

  /** A sentence for each error, with file and line of the page. */
  errors(): string[] {
    return [...this.#snippets].flatMap(([name, snippet]) => {
      const file = this.#program.getSourceFile(name);
      if (!file) return [`${placeOf(snippet)}: not read`];
      const found = [
        ...this.#program.getSyntacticDiagnostics(file),
        ...this.#program.getSemanticDiagnostics(file),
      ];
      return found.map((diagnostic) => this.#sentence(snippet, file, diagnostic));
    });
  }

  /**
   * The properties of a type of the workspace, or the texts of a union of texts. `Event.type` are the texts a property
   * of a union may be.
   */
  members(path: string): string[] {
    const [name = '', property] = path.split('.');
    const checker = this.#program.getTypeChecker();
    const declaration = this.#declaration(name);
    const type = checker.getTypeAtLocation(declaration);
    if (property === undefined && !textsOf(type))
      return checker.getPropertiesOfType(type).map((one) => one.name);
    const symbol = property === undefined ? undefined : type.getProperty(property);
    const texts = textsOf(symbol ? checker.getTypeOfSymbol(symbol) : type);
    if (!texts) throw new Error(`${path} is no union of texts`);
    return texts;
  }

  #declaration(name: string): ts.Declaration {
    for (const file of this.#program.getSourceFiles()) {
      if (file.isDeclarationFile || !relative(this.#root, file.fileName).startsWith('packages')) continue;
      for (const statement of file.statements) {
        const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
        if (isType && statement.name.text === name) return statement;
      }
    }
    throw new Error(`no type of the workspace is called ${name}`);
  }

  #sentence(
    { file, line, setup }: Snippet,
    source: ts.SourceFile,
    { start, messageText }: ts.Diagnostic,
  ): string {
    const at = source.getLineAndCharacterOfPosition(start ?? 0).line - setup.split('\n').length;
    // An error of the hidden part is told at the fence.
    return `${file}:${Math.max(line, line + 1 + at)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  }

  #host(options: ts.CompilerOptions): ts.CompilerHost {
    const host = ts.createCompilerHost(options);
    const textOf = (path: string) => {
      const snippet = this.#snippets.get(path);
      return snippet && withSetup(snippet);
    };
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (path) => this.#snippets.has(path) || fileExists(path);
    host.readFile = (path) => textOf(path) ?? readFile(path);
    host.getSourceFile = (path, ...rest) => {
      const text = textOf(path);
      return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, rest[0]);
    };
    return host;
  }
}

function textsOf(type: ts.Type): string[] | undefined {
  const parts = type.isUnion() ? type.types : [type];
  const texts = parts.flatMap((part) => (part.isStringLiteral() ? [part.value] : []));
  return texts.length === parts.length ? texts : undefined;
}

const withSetup = ({ setup, code }: Snippet): string => `${setup}\n${code}\n`;

/** The snippet as a module that Node runs. */
export function runnable(snippet: Snippet): string {
  const { outputText } = ts.transpileModule(withSetup(snippet), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
    },
  });
  return outputText;
}

/** One command of a shell block, as words. */
export interface Command {
  readonly line: number;
  readonly words: readonly string[];
}

/** The commands of a shell block; those in `$(…)` are commands too. Handles what our pages need, not all of a shell. */
export function commandsOf({ line: fence, code }: Pick<Snippet, 'line' | 'code'>): Command[] {
  const commands: Command[] = [];
  const lines = code.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = fence + 1 + at;
    let text = lines[at] ?? '';
    while (text.endsWith('\\')) {
      at += 1;
      text = `${text.slice(0, -1)} ${lines[at] ?? ''}`;
    }
    for (const words of commandsIn(text)) commands.push({ line, words });
  }
  return commands;
}

/** What a variable or the output of a command becomes: good for any flag. */
const substitute = '1';

function commandsIn(text: string): string[][] {
  const inner: string[][] = [];
  const plain = text.replaceAll(/\$\(([^()]*)\)/g, (_, command: string) => {
    inner.push(...commandsIn(command));
    return substitute;
  });
  const commands: string[][] = [[]];
  // A quoted text, a comment, an operator, or a piece of a word.
  const tokens = /\s+|"[^"]*"|'[^']*'|#.*$|&&|\|\||\d?>{1,2}&?\s*\S+|[|;&]|[^\s"'|;&>]+/g;
  let isInWord = false;
  for (const [token] of plain.matchAll(tokens)) {
    const words = commands.at(-1) ?? [];
    if (/^\s/.test(token)) isInWord = false;
    else if (token.startsWith('#') && !isInWord) break;
    else if (/^(&&|\|\||[|;&])$/.test(token)) commands.push([]);
    else if (!/^\d?>/.test(token)) {
      const said = token.replaceAll(/^["']|["']$/g, '').replaceAll(/\$\{?\w+\}?/g, substitute);
      if (isInWord) words.push(`${words.pop() ?? ''}${said}`);
      else words.push(said);
      isInWord = true;
    }
  }
  return [...inner, ...commands.map(withoutVariables)].filter((words) => words.length > 0);
}

/** Without the variables that are set for the one command. */
function withoutVariables(words: readonly string[]): string[] {
  const first = words.findIndex((word) => !/^\w+=/.test(word));
  return first < 0 ? [] : words.slice(first);
}
