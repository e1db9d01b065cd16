// The page is served at `/` and `/app/…`; its files lie below `/app/assets/`, with a hash in each name.

import { defineConfig } from 'vite';
import { licenses } from '../licenses.mjs';

/** The server that `npm run dev` leads to. */
const SERVER = process.env.CLOAKROOM ?? 'http://127.0.0.1:8080';
const PATHS = ['/graphql', '/graphiql', '/uploads', '/download', '/s/', '/drop/'];

/** The licence texts of what went into the bundle travel with it. */
const withLicenses = {
  name: 'with-licenses',
  async generateBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((part) => Object.keys(part.modules ?? {}));
    this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: await licenses(modules) });
  },
};

export default defineConfig({
  base: '/app/',
  plugins: [withLicenses],
  esbuild: { jsx: 'automatic' },
  build: {
    outDir: '../dist/app',
    emptyOutDir: true,
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    // No `data:` URLs, which the policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The pages of links and drops look their files up in it: `src/http/plain_pages.rs`.
    manifest: 'manifest.json',
    rollupOptions: {
      input: { page: 'app/index.html', drop: 'app/src/strangers/drop.ts', plain: 'app/src/strangers/plain.css' },
    },
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(PATHS.map((path) => [path, { target: SERVER, ws: true }])),
  },
});
