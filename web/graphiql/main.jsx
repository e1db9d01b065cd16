// The page that `GET /graphql` shows to a browser.

import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import './style.css';
import { createFetcher } from './fetcher.js';
import { examples } from './examples.js';

function Page() {
  const [schemaRefusal, setSchemaRefusal] = useState(null);
  const fetcher = useMemo(() => createFetcher(setSchemaRefusal), []);
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={examples}
      // Queries written here hold passwords, and headers hold tokens: the former go with the tab, the latter are not kept.
      storage={window.sessionStorage}
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <span className="cloakroom-logo">Cloakroom</span>
      </GraphiQL.Logo>
      {schemaRefusal !== null && (
        <GraphiQL.Footer>
          <p className="cloakroom-notice" role="status">
            The server did not describe its schema, so there is no documentation or completion here. Queries can still
            be sent. It said: {schemaRefusal}
          </p>
        </GraphiQL.Footer>
      )}
    </GraphiQL>
  );
}

createRoot(document.getElementById('graphiql')).render(<Page />);
