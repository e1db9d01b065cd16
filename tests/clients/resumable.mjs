// Uploads so many bytes with tus-js-client, over a network that cuts connections, and prints the id of the file.
// Arguments: the endpoint, an API token, the number of bytes.
import { Upload } from 'tus-js-client';

const [endpoint, token, length] = process.argv.slice(2);
const bytes = Buffer.alloc(Number(length));
for (let at = 0; at < bytes.length; at += 1) bytes[at] = at % 251;

const upload = new Upload(bytes, {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: 'large.bin', filetype: 'application/octet-stream' },
  retryDelays: [0, 100, 200, 400, 800, 800, 800, 800],
  onError: (error) => { throw error; },
  onSuccess: ({ lastResponse }) => console.log(lastResponse.getHeader('Cloakroom-File')),
});
upload.start();
