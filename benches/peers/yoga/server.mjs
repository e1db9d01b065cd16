/**
 * A page of files as a team that builds on Node would serve it: graphql-yoga over the same rows, by the same API tokens. One
 * process. `node server.mjs DATABASE PORT`, where DATABASE is a file of SQLite's or a postgres:// URL.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';
import { openPostgres, openSqlite } from './database.mjs';

const typeDefs = `
  scalar DateTime
  scalar Int64
  enum Audience { USER GROUP AUTHENTICATED LINK }
  type Query { me: User files(first: Int): FileConnection! sharedWithMe(first: Int): FileConnection! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type FileConnection { nodes: [File!]! pageInfo: PageInfo! }
  type ShareConnection { nodes: [Share!]! }
  type User { id: ID! username: String! }
  type Share { id: ID! audience: Audience! user: User expiresAt: DateTime }
  type Ticket { url: String! expiresAt: DateTime! }
  type File {
    id: ID! name: String! size: Int64! contentType: String! sha256: String! createdAt: DateTime!
    owner: User! shares: ShareConnection! downloadTicket: Ticket!
  }`;

const TICKET_MILLISECONDS = 300_000;
const key = randomBytes(32);

const date = (milliseconds) => milliseconds && new Date(Number(milliseconds)).toISOString();

function ticketOf(file, holder) {
  const expiresAt = Date.now() + TICKET_MILLISECONDS;
  const claims = Buffer.from(JSON.stringify([file, holder, expiresAt, randomBytes(8).toString('hex')]));
  const signature = createHmac('sha256', key).update(claims).digest();
  const ticket = Buffer.concat([claims, signature]).toString('base64url');
  return { url: `http://127.0.0.1/download/${ticket}`, expiresAt: date(expiresAt) };
}

function page(rows, first) {
  const nodes = rows.slice(0, first);
  return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor: nodes.at(-1)?.id ?? null } };
}

const resolvers = {
  Query: {
    me: (_, __, { me }) => me,
    files: async (_, { first }, { me, database }) => page(await database.files(me.id, first + 1), first),
    sharedWithMe: async (_, { first }, { me, database }) => page(await database.sharedWith(me.id, first + 1), first),
  },
  File: {
    contentType: (file) => file.content_type,
    createdAt: (file) => date(file.created_at),
    owner: (file, _, { users }) => users.load(file.owner_id),
    // Others see the shares that reach them, and those alone.
    shares: async (file, _, { me, shares }) => {
      const all = await shares.load(file.id);
      return { nodes: file.owner_id === me.id ? all : all.filter((share) => reaches(share, me)) };
    },
    downloadTicket: (file, _, { me }) => ticketOf(file.id, me.id),
  },
  Share: {
    user: (share, _, { users }) => (share.audience === 'USER' ? users.load(share.audience_id) : null),
    expiresAt: (share) => date(share.expires_at),
  },
};

const reaches = (share, me) => share.audience === 'AUTHENTICATED' || share.audience_id === me.id;

const [, , address, port] = process.argv;
const database = address.startsWith('postgres:') ? await openPostgres(address) : openSqlite(address);

/** Loads what `load` finds for many keys at once, in the order of the keys. */
const loader = (load, none) =>
  new DataLoader(async (keys) => {
    const found = await load(keys);
    return keys.map((each) => found.get(each) ?? none);
  });

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  logging: false,
  graphiql: false,
  context: async ({ request }) => {
    const secret = (request.headers.get('authorization') ?? '').slice('Bearer '.length);
    const me = await database.holder(createHash('sha256').update(secret).digest());
    if (!me) throw new Error('no such token');
    return { me, database, users: loader(database.users), shares: loader(database.shares, []) };
  },
});
createServer(yoga).listen(Number(port), '127.0.0.1');
