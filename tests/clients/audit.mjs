// Audits a server against the GraphQL over HTTP specification, with the suite of the package graphql-http.
//
//   node audit.mjs <URL of the GraphQL endpoint>
//
// Exits with 0 when every audit is ok; else lists those that are not on stderr and exits with 1.

import { auditServer } from 'graphql-http';

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: node audit.mjs <URL of the GraphQL endpoint>');
  process.exit(2);
}

const results = await auditServer({ url });
const failed = results.filter(({ status }) => status !== 'ok');
for (const { id, name, status, reason } of failed) {
  console.error(`${id} ${status}: ${name}: ${reason}`);
}
console.log(`${results.length - failed.length} of ${results.length} audits are ok`);
process.exit(failed.length === 0 && results.length > 0 ? 0 : 1);
