// What uploads ask of the API. The bytes go by the tus protocol, to `/uploads/ID`.

import { graphql } from '../api/graphql';

export const CREATE = graphql(`
  mutation CreateUpload($name: String!, $size: Int64!) {
    createUpload(name: $name, size: $size) {
      id
      file {
        id
      }
    }
  }
`);

export const CANCEL = graphql(`
  mutation CancelUpload($id: ID!) {
    cancelUpload(id: $id)
  }
`);

export const UNFINISHED = graphql(`
  query Unfinished {
    uploads(first: 100) {
      nodes {
        id
        name
        size
        offset
      }
    }
  }
`);

/** What can be refused before a byte is sent. */
export const ROOM = graphql(`
  query Room {
    limits {
      maxFileSize
    }
    me {
      usage {
        usedBytes
        reservedBytes
        quotaBytes
      }
    }
  }
`);

/** Names of the newest files, to say which ones are there already. */
export const NEWEST = graphql(`
  query NewestNames {
    files(first: 100) {
      nodes {
        id
        name
      }
    }
  }
`);
