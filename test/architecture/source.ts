import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** One import, re-export or `import()` of a file. */
export interface Import {
  /** As it is written, such as `../core/session.js` or `node:crypto`. */
  readonly from: string;
  /** Whether it is erased when the file is compiled. */
  readonly typeOnly: boolean;
}

/** What the rules need to know of a source file. */
export interface Source {
  /** Such as `src/core/session.ts`. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** The names that it exports without saying what they are. */
  readonly undocumented: readonly string[];
  readonly lines: number;
}

/** Every TypeScript file under `folder`, but for the generated ones. */
export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/generated/'))
    .toSorted()
    .map((path) => parse(path, readFileSync(join(process.cwd(), path), 'utf8')));
}

/** What a file with such a text imports and exports. */
export function parse(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    const found = importOf(node);
    if (found) imports.push(found);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return {
    path,
    imports,
    undocumented: file.statements.flatMap(undocumentedIn),
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
  };
}

function importOf(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { from: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { from: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  const [argument] = ts.isCallExpression(node) ? node.arguments : [];
  const loads =
    ts.isCallExpression(node) &&
    (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require');
  if (loads && argument && ts.isStringLiteralLike(argument)) {
    return { from: argument.text, typeOnly: false };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { from: (node.argument.literal as ts.StringLiteral).text, typeOnly: true };
  }
  return undefined;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { namedBindings } = clause;
  return (
    !clause.name &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  );
}

function undocumentedIn(statement: ts.Statement): string[] {
  const exported = ts.canHaveModifiers(statement)
    ? ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    : false;
  if (!exported || ts.getJSDocCommentsAndTags(statement).length > 0) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  return [(statement as ts.Statement & { name?: ts.Identifier }).name?.text ?? 'default'];
}
