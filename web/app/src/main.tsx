// Starts the page.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { client } from './api/client';
import { App } from './app';
import { applyTheme } from './account/theme';
import { loadWords } from './words';

applyTheme();
await loadWords();
const root = document.getElementById('page');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Provider value={client}>
        <App />
      </Provider>
    </StrictMode>,
  );
}
