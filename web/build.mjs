// Bundles GraphiQL into dist/: index.html, main.js, main.css, icon.svg and licenses.txt, all served under /graphiql/.

import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));
const source = (name) => path.join(root, 'src', name);
const dist = (name = '') => path.join(root, 'dist', name);

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

/** The package.json directory of every npm package that went into the bundle. */
function bundledPackages(metafile) {
  const names = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) names.add(match[1]);
  }
  return [...names].sort();
}

/** The licence texts of the bundled packages, each text once: the licences ask that they travel with the code. */
async function licenses(metafile) {
  const packagesByText = new Map();
  for (const directory of bundledPackages(metafile)) {
    const folder = path.join(root, directory);
    const { name, version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? (await readFile(path.join(folder, file), 'utf8')).trim() : 'No licence text in the package.';
    packagesByText.set(text, [...(packagesByText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const sections = [...packagesByText].map(([text, packages]) => `${packages.join('\n')}\n\n${text}\n`);
  return sections.join(`\n${'-'.repeat(80)}\n\n`);
}

// Emptied first, so that nothing from an earlier build is embedded.
await rm(dist(), { recursive: true, force: true });
await mkdir(dist());

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

await writeFile(dist('licenses.txt'), await licenses(metafile));
await copyFile(source('icon.svg'), dist('icon.svg'));
await copyFile(source('index.html'), dist('index.html'));
