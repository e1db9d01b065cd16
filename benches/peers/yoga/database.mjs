/** The questions that a page asks of the database: prepared statements on SQLite, a pool on PostgreSQL. */
import Sqlite from 'better-sqlite3';
import pg from 'pg';

const FILE = 'file.id, file.owner_id, file.name, file.size, file.content_type, file.sha256, file.created_at';
const EVERYONE = '00000000-0000-0000-0000-000000000000';

/** Rows by a column of theirs: one each, or all of them. */
const byId = (rows) => new Map(rows.map((row) => [row.id, row]));
function grouped(rows, column) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(row[column]);
    if (group) group.push(row);
    else groups.set(row[column], [row]);
  }
  return groups;
}

const bytes = (id) => Buffer.from(id.replaceAll('-', ''), 'hex');
function text(id) {
  const hex = id.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
const file = (row) => ({ ...row, id: text(row.id), owner_id: text(row.owner_id), sha256: row.sha256.toString('hex') });

export function openSqlite(path) {
  const database = new Sqlite(path, { readonly: true });
  database.pragma('mmap_size = 2147483648');
  const holder = database.prepare(
    'SELECT user.id, user.username FROM api_token JOIN user ON user.id = api_token.user_id WHERE api_token.secret_hash = ?',
  );
  const files = database.prepare(
    `SELECT ${FILE} FROM file WHERE owner_id = ? AND trashed_at IS NULL ORDER BY id DESC LIMIT ?`,
  );
  const shared = database.prepare(
    `SELECT ${FILE} FROM file WHERE id IN (SELECT file_id FROM share WHERE audience = ? AND audience_id = ?
       AND (expires_at IS NULL OR expires_at > ?) ORDER BY file_id DESC LIMIT ?) AND trashed_at IS NULL`,
  );
  const many = new Map();
  /** A statement for as many keys as there are, prepared once. */
  const of = (sql, keys) => {
    const whole = sql.replace('?', keys.map(() => '?').join(','));
    if (!many.has(whole)) many.set(whole, database.prepare(whole));
    return many.get(whole).all(keys.map(bytes));
  };
  return {
    holder: (hash) => {
      const row = holder.get(hash);
      return row && { ...row, id: text(row.id) };
    },
    files: (owner, limit) => files.all(bytes(owner), limit).map(file),
    sharedWith: (user, limit) => {
      const rows = [['USER', user], ['AUTHENTICATED', EVERYONE]].flatMap(([audience, id]) =>
        shared.all(audience, bytes(id), Date.now(), limit).map(file),
      );
      return newest(rows, limit);
    },
    users: (ids) => byId(of('SELECT id, username FROM user WHERE id IN (?)', ids).map((row) => ({ ...row, id: text(row.id) }))),
    shares: (ids) => {
      const rows = of('SELECT * FROM share WHERE file_id IN (?) ORDER BY id', ids);
      const shares = rows.map((row) => ({
        ...row,
        id: text(row.id),
        file_id: text(row.file_id),
        audience_id: text(row.audience_id),
      }));
      return grouped(shares, 'file_id');
    },
  };
}

export async function openPostgres(url) {
  const pool = new pg.Pool({ connectionString: url, max: 16 });
  const all = async (name, sql, values) => (await pool.query({ name, text: sql, values })).rows;
  const fileOf = (row) => ({ ...row, size: Number(row.size), sha256: row.sha256.toString('hex') });
  return {
    holder: async (hash) =>
      (
        await all(
          'holder',
          `SELECT u.id, u.username FROM api_token t JOIN "user" u ON u.id = t.user_id WHERE t.secret_hash = $1`,
          [hash],
        )
      )[0],
    files: async (owner, limit) => {
      const sql = `SELECT ${FILE} FROM file WHERE owner_id = $1 AND trashed_at IS NULL ORDER BY id DESC LIMIT $2`;
      return (await all('files', sql, [owner, limit])).map(fileOf);
    },
    sharedWith: async (user, limit) => {
      const sql = `SELECT ${FILE} FROM file WHERE id IN (SELECT file_id FROM share WHERE audience = $1 AND audience_id = $2
        AND (expires_at IS NULL OR expires_at > $3) ORDER BY file_id DESC LIMIT $4) AND trashed_at IS NULL`;
      const audiences = [['USER', user], ['AUTHENTICATED', EVERYONE]];
      const rows = await Promise.all(audiences.map(([audience, id]) => all('shared', sql, [audience, id, Date.now(), limit])));
      return newest(rows.flat().map(fileOf), limit);
    },
    users: async (ids) => byId(await all('users', 'SELECT id, username FROM "user" WHERE id = ANY($1)', [ids])),
    shares: async (ids) =>
      grouped(await all('shares', 'SELECT * FROM share WHERE file_id = ANY($1) ORDER BY id', [ids]), 'file_id'),
  };
}

/** The newest of `rows`, each once. */
function newest(rows, limit) {
  const once = [...byId(rows).values()];
  return once.sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, limit);
}
