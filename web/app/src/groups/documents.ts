// What the view of groups asks and changes.

import { change } from '../api/client';
import { graphql, type ResultOf } from '../api/graphql';

export const GROUPS = graphql(`
  query Groups($after: String) {
    groups(first: 30, after: $after) {
      nodes {
        id
        name
        createdAt
        owner {
          id
          username
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
export type Group = ResultOf<typeof GROUPS>['groups']['nodes'][number];

export const MEMBERS = graphql(`
  query Members($group: ID!, $after: String) {
    group(id: $group) {
      id
      members(first: 50, after: $after) {
        nodes {
          id
          username
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const CREATE = graphql(`
  mutation CreateGroup($name: String!) {
    createGroup(name: $name) {
      id
      name
    }
  }
`);

const RENAME = graphql(`
  mutation RenameGroup($id: ID!, $name: String!) {
    renameGroup(id: $id, name: $name) {
      id
      name
    }
  }
`);

const DELETE = graphql(`
  mutation DeleteGroup($id: ID!) {
    deleteGroup(id: $id)
  }
`);

const ADD = graphql(`
  mutation AddGroupMember($group: ID!, $username: String!) {
    addGroupMember(groupId: $group, username: $username) {
      id
    }
  }
`);

const REMOVE = graphql(`
  mutation RemoveGroupMember($group: ID!, $username: String!) {
    removeGroupMember(groupId: $group, username: $username) {
      id
    }
  }
`);

const LEAVE = graphql(`
  mutation LeaveGroup($id: ID!) {
    leaveGroup(id: $id)
  }
`);

const OF = ['Group'];
export const createGroup = (name: string) => change(CREATE, { name }, OF);
export const renameGroup = (id: string, name: string) => change(RENAME, { id, name }, OF);
export const deleteGroup = (id: string) => change(DELETE, { id }, OF);
export const addMember = (group: string, username: string) => change(ADD, { group, username }, OF);
export const removeMember = (group: string, username: string) => change(REMOVE, { group, username }, OF);
export const leaveGroup = (id: string) => change(LEAVE, { id }, OF);
