// Bundles GraphiQL into ../dist/graphiql/: index.html, main.js, main.css, icon.svg and licenses.txt, all served under /graphiql/.

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { licenses } from '../licenses.mjs';

const source = (name) => fileURLToPath(new URL(name, import.meta.url));
const root = source('..');
const dist = (name = '') => path.join(root, 'dist', 'graphiql', name);

// GraphiQL's stylesheet carries its fonts as data: URLs, which `font-src 'self'` refuses; style.css names system fonts.
const withoutFonts = {
  name: 'without-fonts',
  setup(plugin) {
    plugin.onLoad({ filter: /[\\/]graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replace(/@font-face\s*\{[^}]*\}/g, ''),
      loader: 'css',
    }));
  },
};

// Emptied first, so that nothing from an earlier build is embedded.
await rm(dist(), { recursive: true, force: true });
await mkdir(dist(), { recursive: true });

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: source('main.jsx') },
  outdir: dist(),
  bundle: true,
  minify: true,
  metafile: true,
  format: 'esm',
  target: ['es2022', 'chrome105', 'firefox105', 'safari16.4'],
  charset: 'utf8',
  jsx: 'automatic',
  legalComments: 'none', // licenses.txt has them, whole
  loader: { '.graphql': 'text' },
  define: { 'process.env.NODE_ENV': '"production"' },
  alias: { 'react-style-singleton': source('style-singleton.js') },
  plugins: [withoutFonts],
  logLevel: 'warning',
});

await writeFile(dist('licenses.txt'), await licenses(Object.keys(metafile.inputs).map((file) => path.join(root, file))));
await copyFile(source('icon.svg'), dist('icon.svg'));
await copyFile(source('index.html'), dist('index.html'));
