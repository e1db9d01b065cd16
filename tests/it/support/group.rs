//! Groups, and what is shared with them.

use serde_json::{Value, json};

use super::{Answer, Person};

impl Person {
    /// The answer to making a group.
    pub async fn ask_group(&self, name: &str) -> Answer {
        let query = "mutation($n: String!) { made: createGroup(name: $n) { id name createdAt } }";
        self.ask_with(query, json!({ "n": name })).await
    }

    /// The id of a new group that these users are members of.
    pub async fn group_of(&self, members: &[&str]) -> String {
        let group = self.ask_group("Friends").await.text("/made/id");
        for member in members {
            self.add_member(&group, member).await.data("/group");
        }
        group
    }

    /// The answer to making a user a member of a group.
    pub async fn add_member(&self, group: &str, username: &str) -> Answer {
        let query =
            "mutation($g: ID!, $u: String!) { group: addGroupMember(groupId: $g, username: $u) {
            id members(first: 100) { nodes { username } } } }";
        self.ask_with(query, json!({ "g": group, "u": username }))
            .await
    }

    /// The answer to taking a user out of a group.
    pub async fn remove_member(&self, group: &str, username: &str) -> Answer {
        let query =
            "mutation($g: ID!, $u: String!) { group: removeGroupMember(groupId: $g, username: $u) {
            id members(first: 100) { nodes { username } } } }";
        self.ask_with(query, json!({ "g": group, "u": username }))
            .await
    }

    pub async fn leave_group(&self, group: &str) -> Answer {
        let query = "mutation($g: ID!) { leaveGroup(id: $g) }";
        self.ask_with(query, json!({ "g": group })).await
    }

    pub async fn rename_group(&self, group: &str, name: &str) -> Answer {
        let query = "mutation($g: ID!, $n: String!) { renameGroup(id: $g, name: $n) { name } }";
        self.ask_with(query, json!({ "g": group, "n": name })).await
    }

    pub async fn delete_group(&self, group: &str) -> Answer {
        let query = "mutation($g: ID!) { deleteGroup(id: $g) }";
        self.ask_with(query, json!({ "g": group })).await
    }

    /// The answer to sharing `file` with `group`.
    pub async fn ask_share_with_group(&self, file: &str, group: &str, end: Value) -> Answer {
        let query = "mutation($f: ID!, $g: ID!, $e: DateTime) {
            share: shareWithGroup(fileId: $f, groupId: $g, expiresAt: $e) {
                id audience user { username } group { id name } createdAt expiresAt file { id } } }";
        self.ask_with(query, json!({ "f": file, "g": group, "e": end }))
            .await
    }

    /// The id of a share of `file` with `group`.
    pub async fn share_with_group(&self, file: &str, group: &str) -> String {
        let answer = self.ask_share_with_group(file, group, Value::Null).await;
        answer.text("/share/id")
    }

    /// The names of the members of a group, sorted; the answer's code where there are none.
    pub async fn members(&self, group: &str) -> Result<Vec<String>, String> {
        let query =
            "query($g: ID!) { group(id: $g) { members(first: 100) { nodes { username } } } }";
        let answer = self.ask_with(query, json!({ "g": group })).await;
        if !answer.code().is_empty() {
            return Err(answer.code().to_owned());
        }
        let members = answer.data("/group/members/nodes");
        let members = members.as_array().unwrap().iter();
        let mut names: Vec<_> = members
            .map(|member| member["username"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The id of a new file, shared with `group`.
    pub async fn upload_for_group(&self, name: &str, group: &str) -> String {
        let file = self.upload(name, name.as_bytes()).await;
        self.share_with_group(&file, group).await;
        file
    }
}
