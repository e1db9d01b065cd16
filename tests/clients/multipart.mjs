// A request that uploads files, for a client that has no way of its own to: a body for fetch by the GraphQL multipart
// request specification, https://github.com/jaydenseric/graphql-multipart-request-spec.

/** Whether any variable is a file, or a list of files. */
export function hasFiles(variables) {
  return Object.values(variables).flat().some((value) => value instanceof Blob);
}

/** The body: the operation with null for each file, which variable each part is, then the parts. */
export function multipart(query, variables) {
  const files = [];
  const map = {};
  const take = (value, path) => {
    if (!(value instanceof Blob)) return value;
    map[files.length] = [path];
    files.push(value);
    return null;
  };
  const emptied = {};
  for (const [name, value] of Object.entries(variables)) {
    const path = `variables.${name}`;
    emptied[name] = Array.isArray(value) ? value.map((item, at) => take(item, `${path}.${at}`)) : take(value, path);
  }
  const body = new FormData();
  body.append('operations', JSON.stringify({ query, variables: emptied }));
  body.append('map', JSON.stringify(map));
  files.forEach((file, at) => body.append(String(at), file, file.name));
  return body;
}
