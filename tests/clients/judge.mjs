// Documents of a schema, right ones and ones with a mistake, and what graphql-js thinks of each: always the same for a seed.
//
//   node judge.mjs <schema.graphql> <output> <seed> <documents>
//
// The output is a list of { kind, query, operationName, variables, accepted, why }: `accepted` says whether graphql-js would
// run the operation, which it does if it can parse and validate the document and coerce the variables.

import { readFileSync, writeFileSync } from 'node:fs';
import {
  buildSchema,
  getNamedType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  Kind,
  parse,
  validate,
} from 'graphql';

const [schemaFile, output, seed, count] = process.argv.slice(2);
const schema = buildSchema(readFileSync(schemaFile, 'utf8'));

// What the schema's own scalars take is not in its text.
const scalar = (name, takes) => {
  const type = schema.getType(name);
  const check = (value) => {
    if (!takes(value)) throw new TypeError(`no ${name}`);
    return value;
  };
  type.parseValue = check;
  type.parseLiteral = (node) => check(literal(node));
};
const literal = (node) => {
  if (node.kind === Kind.OBJECT) return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, literal(value)]));
  return node.kind === Kind.INT ? Number(node.value) : node.kind === Kind.STRING ? node.value : undefined;
};
scalar('DateTime', (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value));
scalar('Int64', Number.isSafeInteger);
// What stands for a file: the transport puts it in the variables.
scalar('Upload', (value) => typeof value?.key === 'string' && Object.keys(value).length === 1);

// A generator of numbers (xorshift), the same on every machine.
let state = Number(seed) | 1;
const number = (below) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};
const one = (list) => list[number(list.length)];
const chance = (percent) => number(100) < percent;

/** What can be wrong with a document, or with its variables. */
const MISTAKES = [
  'unknown field', 'unknown argument', 'missing argument', 'argument twice', 'wrong literal', 'unknown enum value',
  'enum value as text', 'null literal', 'list too deep', 'selection of a leaf', 'object without selection',
  'unknown type condition', 'impossible fragment', 'leaf type condition', 'unused fragment', 'undefined fragment',
  'fragment cycle', 'fragment twice', 'operation twice', 'nameless among named', 'another field of the name',
  'other arguments', 'conflict below', 'conflict through a fragment', 'undefined variable', 'unused variable',
  'variable twice', 'variable of an output type', 'variable of an unknown type', 'variable of another type',
  'nullable variable', 'variable of a list', 'wrong default', 'null default', 'unknown directive', 'misplaced directive',
  'directive twice', 'directive without argument', 'directive by text', 'value absent', 'value null', 'value of another type',
  'value unknown to the enum', 'value too deep', 'value out of range', 'value not whole', 'null in a list', 'text for a boolean',
  'damage', 'number with zeros', 'escape', 'unknown operation', 'another operation type', 'empty parentheses', 'empty braces',
]; // prettier-ignore

class Document {
  constructor(mistake) {
    this.mistake = mistake;
    // At which opportunity the mistake is made.
    this.at = number(3);
    this.definitions = [];
    this.values = {};
    this.fragments = [];
    this.names = 0;
  }

  /** Whether to make the mistake here. */
  wrong(mistake) {
    if (this.mistake !== mistake || this.made) return false;
    if (this.at-- > 0) return false;
    return (this.made = true);
  }

  name(prefix) {
    return `${prefix}${this.names++}`;
  }

  literal(type) {
    if (this.wrong('null literal') && isNonNullType(type)) return 'null';
    const kind = getNullableType(type);
    if (this.wrong('list too deep')) return `[[[${this.literal(getNamedType(kind))}]]]`;
    if (this.wrong('wrong literal')) return one(['{ a: 1 }', '1.5', '[{}]', 'WRONG', 'true', '"wrong"', '{}']);
    if (isListType(kind)) {
      const item = () => this.literal(kind.ofType);
      return chance(25) && !isListType(getNullableType(kind.ofType)) ? item() : `[${item()}${chance(50) ? `, ${item()}` : ''}]`;
    }
    if (isEnumType(kind)) {
      const value = one(kind.getValues()).name;
      if (this.wrong('unknown enum value')) return `${value}_NOT`;
      if (this.wrong('enum value as text')) return `"${value}"`;
      return value;
    }
    if (!isNonNullType(type) && chance(15)) return 'null';
    switch (kind.name) {
      case 'Int':
        return this.wrong('number with zeros') ? '007' : one(['0', '-7', '5', '100', '2147483647', '-1']);
      case 'ID':
        return one(['"x"', '12', '"0190"', '-5']);
      case 'Boolean':
        return one(['true', 'false']);
      case 'DateTime':
        return one(['"2031-01-31T23:59:59Z"', '"2031-01-31T23:59:59.5+02:00"', '"""2031-01-31T23:59:59Z"""']);
      case 'Upload':
        return '{ key: "x" }';
      default:
        if (this.wrong('escape')) return one(['"\\ud83d"', '"\\x41"', '"\\u{110000}"', '"\\u00"', '"a\nb"']);
        return one(['""', '"a b"', '"\\ud83d\\ude00"', '"\\u{1F600}"', '"""\n  block \\""" \n"""', '"# no comment"', '"é😀"']);
    }
  }

  value(type) {
    const kind = getNullableType(type);
    if (this.wrong('value null')) return null;
    if (this.wrong('value of another type')) return one([{ a: 1 }, [{ a: 1 }], true, 1.25, { length: 1 }]);
    if (this.wrong('value too deep')) return [[[this.value(getNamedType(kind))]]];
    if (isListType(kind)) {
      if (this.wrong('null in a list')) return [null];
      return chance(25) ? this.value(kind.ofType) : [this.value(kind.ofType)];
    }
    if (!isNonNullType(type) && chance(20)) return null;
    if (isEnumType(kind)) {
      if (this.wrong('value unknown to the enum')) return one(['NOT', 'read', 'inline', '', 0]);
      return one(kind.getValues()).name;
    }
    switch (kind.name) {
      case 'Int':
        if (this.wrong('value out of range')) return one([2147483648, -2147483649, 1e300]);
        if (this.wrong('value not whole')) return one([0.5, '1', -1.25]);
        return one([0, 5, 100, -3, 2147483647]);
      case 'ID':
        return one(['x', 12, '']);
      case 'Boolean':
        if (this.wrong('text for a boolean')) return one(['true', 'false', 0, 1]);
        return one([true, false]);
      case 'DateTime':
        return '2031-01-31T23:59:59Z';
      case 'Upload':
        return { key: 'x' };
      default:
        return one(['', 'a', 'é😀', '\u0000']);
    }
  }

  /** A variable for that place, declared; and given a value, or not. */
  variable(type, hasDefault) {
    const name = this.name('v');
    if (this.wrong('undefined variable')) return `$${name}`;
    let declared = String(type);
    let kind = type;
    const nullable = getNullableType(type);
    let fallback = '';
    if (this.wrong('variable of an output type')) declared = one(['File', 'Query', '[User!]', 'Node']);
    else if (this.wrong('variable of an unknown type')) declared = one(['Gone', '[Gone!]!', 'string']);
    else if (this.wrong('variable of another type')) declared = one(['Float', 'Float!', '[[Int]]', 'Int64!']);
    else if (this.wrong('variable of a list')) declared = `[${type}]`;
    else if (this.wrong('nullable variable')) declared = String(nullable);
    else if (this.wrong('null default')) [declared, fallback] = [String(nullable), ' = null'];
    else if (this.wrong('wrong default')) fallback = ` = ${one(['{ a: 1 }', 'WRONG', '[[{}]]', '1.5', '[null, [[]]]'])}`;
    else if (chance(30)) fallback = ` = ${new Document().literal(type)}`;
    else if (hasDefault && chance(50)) [declared, kind] = [String(nullable), nullable];
    else if (!isNonNullType(type) && chance(30)) declared = `${type}!`;
    if (fallback && chance(40) && this.mistake !== 'null default') declared = declared.replace(/!$/, '');
    const isRequired = declared.endsWith('!') && !fallback;
    this.definitions.push(`$${name}: ${declared}${fallback}`);
    if (this.wrong('variable twice')) this.definitions.push(`$${name}: ${declared}`);
    if (this.wrong('value absent') || (!isRequired && chance(30))) return `$${name}`;
    if (isRequired && !isNonNullType(kind)) {
      do this.values[name] = this.value(kind);
      while (this.values[name] === null && this.mistake !== 'value null');
    } else this.values[name] = this.value(kind);
    return `$${name}`;
  }

  arguments(field, fixed) {
    const given = [];
    for (const argument of field.args) {
      const isMissing = isRequiredArgument(argument) && this.wrong('missing argument');
      if (isMissing || (!isRequiredArgument(argument) && chance(55))) continue;
      const { name, type, defaultValue } = argument;
      const value = !fixed && chance(50) ? this.variable(type, defaultValue !== undefined) : this.literal(type);
      given.push(`${name}: ${value}`);
      if (this.wrong('argument twice')) given.push(`${name}: ${value}`);
    }
    if (this.wrong('unknown argument')) given.push('gone: 1');
    if (given.length === 0) return this.wrong('empty parentheses') ? '()' : '';
    return `(${(chance(50) ? given : given.reverse()).join(one([', ', ' ', ',,']))})`;
  }

  directives(isField) {
    if (this.wrong('unknown directive')) return ' @gone';
    if (this.wrong('misplaced directive')) return ' @specifiedBy(url: "a")';
    if (this.wrong('directive without argument')) return ' @include';
    if (this.wrong('directive by text')) return ' @skip(if: "true")';
    if (this.wrong('directive twice')) return ' @skip(if: false) @skip(if: false)';
    if (!chance(isField ? 12 : 25)) return '';
    const type = schema.getDirective('include').args[0].type;
    const condition = chance(50) ? this.variable(type, false) : one(['true', 'false']);
    return ` @${one(['skip', 'include'])}(if: ${condition})`;
  }

  field(parent, field, depth) {
    const type = getNamedType(field.type);
    const alias = chance(15) ? `${this.name('a')}: ` : '';
    const name = this.wrong('unknown field') ? 'gone' : field.name;
    const head = `${alias}${name}${this.arguments(field)}${this.directives(true)}`;
    if (isLeafType(type)) return this.wrong('selection of a leaf') ? `${head} { id }` : head;
    if (this.wrong('object without selection')) return head;
    if (this.wrong('empty braces')) return `${head} {}`;
    return `${head} ${this.selections(type, depth - 1)}`;
  }

  fragment(parent, depth) {
    const types = isAbstractType(parent) ? [parent, ...schema.getPossibleTypes(parent)] : [parent, ...parent.getInterfaces()];
    let on = one(types);
    if (this.wrong('impossible fragment')) on = schema.getType(parent.name === 'PageInfo' ? 'Limits' : 'PageInfo');
    let name = on.name;
    if (this.wrong('unknown type condition')) name = 'Gone';
    if (this.wrong('leaf type condition')) name = one(['String', 'Disposition', 'DateTime']);
    const selections = this.selections(on, depth);
    if (chance(50)) return `... ${chance(70) || on !== parent ? `on ${name}` : ''}${this.directives()} ${selections}`;
    const fragment = this.name('F');
    const inside = this.wrong('fragment cycle') ? selections.replace('{', `{ ...${fragment}`) : selections;
    this.fragments.push(`fragment ${fragment} on ${name} ${inside}`);
    if (this.wrong('fragment twice')) this.fragments.push(`fragment ${fragment} on ${name} ${inside}`);
    if (this.wrong('undefined fragment')) return `...${this.name('Gone')}`;
    const again = chance(20) ? ` ...${fragment}` : '';
    return `...${fragment}${this.directives()}${again}`;
  }

  /** Two fields of one name that cannot be one. */
  conflict(parent) {
    const fields = Object.values(parent.getFields());
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)) && !field.args.length);
    if (leaves.length < 2) return '';
    const [first, second] = [leaves[0].name, leaves[1].name];
    const name = this.name('c');
    if (this.wrong('another field of the name')) return ` ${name}: ${first} ${name}: ${second}`;
    if (this.wrong('conflict through a fragment')) {
      const fragment = this.name('F');
      this.fragments.push(`fragment ${fragment} on ${parent.name} { ... { ${name}: ${second} } }`);
      return ` ${name}: ${first} ...${fragment}`;
    }
    return '';
  }

  conflictBelow(parent) {
    const field = Object.values(parent.getFields()).find((field) => {
      const type = getNamedType(field.type);
      return isCompositeType(type) && !isAbstractType(type) && !field.args.some(isRequiredArgument);
    });
    if (!field) return '';
    const leaves = Object.values(getNamedType(field.type).getFields()).filter((one) => isLeafType(getNamedType(one.type)));
    const name = this.name('c');
    const paged = field.args.some((argument) => argument.name === 'first');
    if (paged && this.wrong('other arguments')) {
      return ` ${name}: ${field.name}(first: 1) { __typename } ${name}: ${field.name}(first: 2) { __typename }`;
    }
    if (leaves.length > 1 && this.wrong('conflict below')) {
      return ` ${name}: ${field.name} { x: ${leaves[0].name} } ${name}: ${field.name} { x: ${leaves[1].name} }`;
    }
    return '';
  }

  selections(parent, depth) {
    const fields = Object.values(parent.getFields());
    const usable = fields.filter((field) => depth > 0 || isLeafType(getNamedType(field.type)));
    const parts = [];
    for (let left = 1 + number(3); left > 0; left -= 1) {
      if (!usable.length || chance(5)) parts.push('__typename');
      else if (depth > 0 && chance(20)) parts.push(this.fragment(parent, depth - 1));
      else parts.push(this.field(parent, one(usable), depth));
    }
    if (chance(15)) {
      // The same field twice, which is one.
      const leaf = fields.find((field) => isLeafType(getNamedType(field.type)) && !field.args.length);
      if (leaf) parts.push(leaf.name, `... { ${leaf.name} }`);
    }
    const conflicts = this.conflict(parent) + (depth > 0 ? this.conflictBelow(parent) : '');
    return `{ ${parts.join(one([' ', '\n', ', ']))}${conflicts} }`;
  }

  operation() {
    const isMutation = chance(25);
    const root = isMutation ? schema.getMutationType() : schema.getQueryType();
    let kind = isMutation ? 'mutation' : 'query';
    const selections = this.selections(root, 3);
    if (this.wrong('unused variable')) this.definitions.push('$unused: Int');
    if (this.wrong('another operation type')) kind = 'subscription';
    const isNamed = chance(60) || ['operation twice', 'nameless among named'].includes(this.mistake);
    const name = isNamed ? this.name('Q') : '';
    const definitions = this.definitions.length ? `(${this.definitions.join(', ')})` : '';
    const head = kind === 'query' && !name && !definitions ? '' : `${kind} ${name}${definitions} `;
    let text = `${head}${selections}`;
    if (name && chance(20)) text += ' query Other { me { id } }';
    const others = text.includes('query Other');
    if (this.wrong('operation twice')) text += ` query ${name} { me { id } }`;
    if (this.wrong('nameless among named')) text += ' { me { id } }';
    if (this.wrong('unused fragment')) this.fragments.push('fragment Unused on File { id }');
    text = [text, ...this.fragments].join(one([' ', '\n\n', ' # comment {\n']));
    if (this.wrong('damage')) {
      const at = number(text.length);
      text = text.slice(0, at) + one(['', '{', '}', '"', '$', '@', '...', '!', '(', ':', '\u0007', '&']) + text.slice(at + number(2));
    }
    let operationName = name && (others || chance(30)) ? name : null;
    if (this.wrong('unknown operation')) operationName = 'Gone';
    if (chance(10)) this.values.unknown = 1;
    return { query: text, operationName, variables: this.values };
  }
}

/** Why graphql-js would not run it; nothing where it would. */
const refusal = ({ query, operationName, variables }) => {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return error.message;
  }
  let error;
  try {
    [error] = validate(schema, document);
  } catch (thrown) {
    // Its rule about roots of subscriptions looks for the value of a variable that decides about one, and has none.
    error = thrown;
  }
  if (error) return error.message;
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no such operation';
  if (!schema.getRootType(operation.operation)) return 'no such operation type';
  return getVariableValues(schema, operation.variableDefinitions ?? [], variables).errors?.[0].message;
};

const documents = [];
for (let n = 0; n < Number(count); n += 1) {
  const mistake = n % 2 ? one(MISTAKES) : undefined;
  let document, asked;
  // There is not always a place for the mistake.
  for (let tries = 0; tries < 20 && (!tries || (mistake && !document.made)); tries += 1) {
    document = new Document(mistake);
    asked = document.operation();
  }
  const why = refusal(asked);
  const kind = document.made ? mistake : 'no mistake';
  documents.push({ kind, ...asked, accepted: why === undefined, why: why ?? null });
}
writeFileSync(output, JSON.stringify(documents));
