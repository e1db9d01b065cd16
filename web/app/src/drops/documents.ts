// What the view of drops asks and changes.

import { change } from '../api/client';
import { graphql, type ResultOf } from '../api/graphql';

export const DROPS = graphql(`
  query Drops($after: String) {
    drops(first: 30, after: $after) {
      nodes {
        id
        url
        name
        hasPassword
        maxFiles
        maxFileSize
        expiresAt
        createdAt
        closedAt
        files(first: 5) {
          nodes {
            id
            name
            size
            createdAt
          }
          pageInfo {
            hasNextPage
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
export type Drop = ResultOf<typeof DROPS>['drops']['nodes'][number];

const CREATE = graphql(`
  mutation CreateDrop($name: String!, $password: String, $maxFiles: Int, $maxFileSize: Int64, $expiresAt: DateTime) {
    createDrop(name: $name, password: $password, maxFiles: $maxFiles, maxFileSize: $maxFileSize, expiresAt: $expiresAt) {
      id
      url
    }
  }
`);

const CLOSE = graphql(`
  mutation CloseDrop($id: ID!) {
    closeDrop(id: $id)
  }
`);

export const createDrop = (terms: {
  name: string;
  password: string | null;
  maxFiles: number | null;
  maxFileSize: number | null;
  expiresAt: string | null;
}) => change(CREATE, terms, ['Drop']);
export const closeDrop = (id: string) => change(CLOSE, { id }, ['Drop']);
