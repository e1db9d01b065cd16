//! Upload: files that came with the request, by the GraphQL multipart request specification.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Context, InputValueError, InputValueResult, Object, Scalar, ScalarType, Value,
    parser::types::{OperationDefinition, Selection},
};
use async_graphql_value::Value as Argument;

use super::{ContextExt, files::File, list::List};
use crate::{
    domain::{
        file_name,
        uploads::{self, Complete, Naming},
    },
    error::{Error, Result},
    hex, random,
};

/// A file of this request. The variable is null in `operations`, and `map` says which part fills it.
///
/// Inside, it is a random key that the transport chose for this one request; what a client sends names nothing.
pub struct Upload(String);

/// The member of the object that stands for a file in the variables. It is an object, so that no variable of another scalar takes
/// a file: a string would.
const KEY: &str = "key";

/// A file that comes with this request, by the [GraphQL multipart request
/// specification](https://github.com/jaydenseric/graphql-multipart-request-spec): the variable is null in
/// `operations`, and `map` says which part fills it.
#[Scalar(specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Object(members) if members.len() == 1 => match members.get(KEY) {
                Some(Value::String(key)) => Ok(Self(key.clone())),
                _ => Err(InputValueError::expected_type(value)),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

/// A file that has arrived whole and waits to be used.
#[derive(Debug)]
pub struct Received {
    pub upload: Complete,
    /// As the client sent it.
    pub file_name: String,
}

/// The files of one request by their keys. What no mutation takes is aborted when this is dropped.
#[derive(Clone, Debug, Default)]
pub struct ReceivedFiles(Arc<Mutex<HashMap<String, Received>>>);

impl ReceivedFiles {
    /// Keeps a file, and returns what stands for it in the variables.
    pub fn add(&self, upload: Complete, file_name: String) -> serde_json::Value {
        let key = hex::encode(&random::bytes::<16>());
        self.lock()
            .insert(key.clone(), Received { upload, file_name });
        serde_json::json!({ KEY: key })
    }

    /// `BAD_USER_INPUT` if `operation` uses a file twice: the second use would fail when the first has made a file of it.
    pub(super) fn check_uses(&self, operation: &OperationDefinition) -> Result<()> {
        if self.lock().is_empty() {
            return Ok(());
        }
        let mut used = HashSet::new();
        for selection in &operation.selection_set.node.items {
            if let Selection::Field(field) = &selection.node {
                for (_, argument) in &field.node.arguments {
                    check_uses(&argument.node, &mut used)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn take(&self, field: &'static str, upload: &Upload) -> Result<Received> {
        self.lock().remove(&upload.0).ok_or_else(|| {
            Error::bad_input(
                field,
                "No file came with the request for this variable, or it was used before; send it as a part of a \
                 multipart request.",
            )
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Received>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_uses<'v>(argument: &'v Argument, used: &mut HashSet<&'v str>) -> Result<()> {
    match argument {
        Argument::List(items) => items.iter().try_for_each(|item| check_uses(item, used)),
        Argument::Object(members) => match members.get(KEY) {
            Some(Argument::String(key)) if !used.insert(key) => Err(Error::bad_input(
                "variables",
                "A file is used twice; send it as two parts, or use it once.",
            )),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

#[derive(Default)]
pub struct UploadMutations;

#[Object]
impl UploadMutations {
    /// Stores one file. It is yours alone until you share it. When the answer arrives, the bytes are safe on disk.
    /// The name that it came with loses its path and what deceives in it; one that is too long is refused, not cut.
    async fn upload_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file.")] file: Upload,
        #[graphql(
            desc = "What to call it, instead of the name it came with: 1 to 255 UTF-16 code units, no path."
        )]
        name: Option<String>,
        #[graphql(
            desc = "Its SHA-256 in hexadecimal; other bytes are refused with `CHECKSUM_MISMATCH`."
        )]
        sha256: Option<String>,
    ) -> Result<File> {
        let expected_sha256 = sha256.as_deref().map(parse_sha256).transpose()?;
        let received = context.files().take("file", &file)?;
        let naming = Naming {
            name: name.unwrap_or_else(|| file_name::clean(&received.file_name)),
            upload: received.upload,
            expected_sha256,
        };
        store(context, vec![naming])
            .await?
            .pop()
            .ok_or_else(|| Error::internal("one upload makes one file"))
    }

    /// Stores several files, all or none of them, in this order.
    async fn upload_files(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The files, at least one.")] files: Vec<Upload>,
    ) -> Result<List<File>> {
        if files.is_empty() {
            return Err(Error::bad_input("files", "Send at least one file."));
        }
        let received = context.files();
        let namings = files.iter().map(|file| {
            let received = received.take("files", file)?;
            Ok(Naming {
                name: file_name::clean(&received.file_name),
                upload: received.upload,
                expected_sha256: None,
            })
        });
        let files = store(context, namings.collect::<Result<_>>()?).await?;
        Ok(files.into_iter().collect())
    }
}

async fn store(context: &Context<'_>, namings: Vec<Naming>) -> Result<Vec<File>> {
    context.actor().writer()?;
    let files = uploads::finish(context.app(), context.client(), namings).await?;
    Ok(files.into_iter().map(File::from).collect())
}

pub(super) fn parse_sha256(text: &str) -> Result<[u8; 32]> {
    hex::decode(text)
        .ok_or_else(|| Error::bad_input("sha256", "A SHA-256 is 64 hexadecimal digits."))
}
