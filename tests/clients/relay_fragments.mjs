// What Relay's components ask of a schema: a fragment on each type that is a Node, to be fetched again by its id, and one on
// each list, to be paged through. Both are made from the schema, so that a new type or list is asked for too.

import { buildSchema, getNamedType, isLeafType, isObjectType, isRequiredArgument } from 'graphql';

const upper = (name) => name[0].toUpperCase() + name.slice(1);

/** Fragments of `source`, a schema: each as `{ document, query, type, list }`; `list` is null for those that have no list. */
export function fragmentsOf(source) {
  const schema = buildSchema(source);
  const nodes = schema.getPossibleTypes(schema.getType('Node'));
  const again = nodes.map((type) => onNode(type));
  const lists = [schema.getQueryType(), ...nodes].flatMap((type) => {
    const fields = Object.values(type.getFields()).filter(isPage);
    return fields.map((field) => onList(type, field));
  });
  return [...again, ...lists];
}

function isPage(field) {
  const type = getNamedType(field.type);
  return isObjectType(type) && type.name.endsWith('Connection') && !field.args.some(isRequiredArgument);
}

function onNode(type) {
  const { name } = type;
  const leaves = Object.values(type.getFields()).filter((field) => isLeafType(getNamedType(field.type)) && !field.args.some(isRequiredArgument));
  const query = `Journey${name}AgainQuery`;
  const document = `
    fragment Journey${name}_again on ${name} @refetchable(queryName: "${query}") {
      ${leaves.map((field) => field.name).join(' ')}
    }
  `;
  return { document, query, type: name, list: null };
}

function onList({ name }, field) {
  const list = `Journey${name}${upper(field.name)}`;
  const query = `${list}PagesQuery`;
  const document = `
    fragment ${list}_pages on ${name}
      @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" })
      @refetchable(queryName: "${query}") {
      ${field.name}(first: $count, after: $cursor) @connection(key: "${list}_${field.name}") {
        edges { node { id } }
      }
    }
  `;
  return { document, query, type: name, list: field.name };
}
