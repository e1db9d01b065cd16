//! Keys that sign: derived from the configured secrets, for each use by a label of its own.

use std::{fmt, fs, io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{config::Secret, disk, hex, operator_error::OperatorError, private, random};

pub const SIGNATURE_BYTES: usize = 32;
pub const TAG_BYTES: usize = SIGNATURE_BYTES / 2;

/// Tells the keys of one label apart.
pub type KeyId = [u8; 4];

const TICKETS: &[u8] = b"cloakroom ticket v1";
const LINKS: &[u8] = b"cloakroom link v1";
const DROPS: &[u8] = b"cloakroom drop v1";
const WEBHOOKS: &[u8] = b"cloakroom webhook v1";
const SIGN_INS: &[u8] = b"cloakroom sign-in v1";
const PSEUDONYMS: &[u8] = b"cloakroom pseudonym v1";

/// The keys of all uses.
#[derive(Clone, Debug)]
pub struct Keyring {
    pub tickets: Signer,
    pub links: Signer,
    pub drops: Signer,
    pub webhooks: Signer,
    /// What browsers keep while they are at a provider.
    pub sign_ins: Signer,
    pub pseudonyms: Signer,
    /// Whether the keys outlive this process.
    pub is_kept: bool,
}

impl Keyring {
    /// Keys from the configured secrets, the first of which signs; from the one in `data_dir`, which is made at the
    /// first start, when none is configured.
    pub fn load(secrets: &[Secret], data_dir: &Path) -> Result<Self, OperatorError> {
        let path = data_dir.join("secret");
        if secrets.is_empty() {
            make_secret(&path).map_err(|error| cannot("write", &path, &error))?;
        }
        Self::load_existing(secrets, data_dir)
    }

    /// The same, without making a secret. Where there is none, the keys are of no use to anybody, and gone with this process.
    pub fn load_existing(secrets: &[Secret], data_dir: &Path) -> Result<Self, OperatorError> {
        let path = data_dir.join("secret");
        match (secrets, path.symlink_metadata()) {
            ([], Ok(_)) => {
                let kept = kept_secret(&path).map_err(|error| cannot("read", &path, &error))?;
                Ok(Self::of(&[&kept], true))
            }
            ([], Err(_)) => {
                let passing = Secret::from(hex::encode(&random::bytes::<32>()));
                Ok(Self::of(&[&passing], false))
            }
            _ => Ok(Self::of(&secrets.iter().collect::<Vec<_>>(), true)),
        }
    }

    fn of(secrets: &[&Secret], is_kept: bool) -> Self {
        Self {
            is_kept,
            tickets: Signer::derive(secrets, TICKETS),
            links: Signer::derive(secrets, LINKS),
            drops: Signer::derive(secrets, DROPS),
            webhooks: Signer::derive(secrets, WEBHOOKS),
            sign_ins: Signer::derive(secrets, SIGN_INS),
            pseudonyms: Signer::derive(secrets, PSEUDONYMS),
        }
    }

    /// What stands for `name` where it must not be readable: always the same, and telling nothing without the secret.
    pub fn pseudonym(&self, name: &str) -> String {
        hex::encode(&self.pseudonyms.sign(name.as_bytes())[..16])
    }
}

/// The keys of one use, one for each secret.
#[derive(Clone)]
pub struct Signer {
    /// The first signs; all verify. Never empty.
    keys: Arc<[Key]>,
}

/// A message that one of our keys has signed. Only [`Signer::verified`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'m>(&'m [u8]);

impl<'m> Signed<'m> {
    /// The message.
    pub fn bytes(&self) -> &'m [u8] {
        self.0
    }
}

struct Key {
    id: KeyId,
    mac: Hmac<Sha256>,
}

impl Signer {
    fn derive(secrets: &[&Secret], label: &[u8]) -> Self {
        let keys = secrets.iter().map(|secret| Key::derive(secret, label));
        Self {
            keys: keys.collect(),
        }
    }

    /// The id of the key that signs.
    pub fn key_id(&self) -> KeyId {
        self.keys[0].id
    }

    /// The HMAC-SHA-256 (RFC 2104) of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.keys[0].over(message).finalize().into_bytes().into()
    }

    /// The signatures of `message` by each of the keys, the first one's first.
    pub fn sign_by_each(&self, message: &[u8]) -> Vec<[u8; SIGNATURE_BYTES]> {
        let keys = self.keys.iter();
        keys.map(|key| key.over(message).finalize().into_bytes().into())
            .collect()
    }

    /// The first half of the signature of `message`, for a URL that a person may have to copy (RFC 2104 §5).
    pub fn tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        let signature = self.sign(message);
        std::array::from_fn(|index| signature[index])
    }

    /// Whether `tag` is that of `message` by any of the keys. Takes as long for every wrong tag.
    pub fn made_tag(&self, message: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        let mut keys = self.keys.iter();
        keys.any(|key| key.over(message).verify_truncated_left(tag).is_ok())
    }

    /// `message`, if `signature` is its signature by the key `id`. Takes as long for every wrong signature.
    pub fn verified<'m>(
        &self,
        id: KeyId,
        message: &'m [u8],
        signature: &[u8],
    ) -> Option<Signed<'m>> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        let verified = key.over(message).verify_slice(signature);
        verified.ok().map(|()| Signed(message))
    }
}

impl Key {
    fn derive(secret: &Secret, label: &[u8]) -> Self {
        let derived = mac(secret.expose().as_bytes()).chain_update(label);
        let derived = derived.finalize().into_bytes();
        let digest = Sha256::digest(derived);
        Self {
            id: [digest[0], digest[1], digest[2], digest[3]],
            mac: mac(&derived),
        }
    }

    fn over(&self, message: &[u8]) -> Hmac<Sha256> {
        self.mac.clone().chain_update(message)
    }
}

pub(super) fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.keys.len())
    }
}

fn cannot(doing: &str, path: &Path, error: &io::Error) -> OperatorError {
    let doing = format!("{doing} the secret");
    OperatorError::at(&doing, path, "CLOAKROOM_SECRET_FILE", error)
}

/// Makes the secret in the data directory unless it is there; only the server's user may read it. It appears whole or not at
/// all, and of two first starts at once, both get the same.
fn make_secret(path: &Path) -> io::Result<()> {
    // A link that leads nowhere is there, too.
    if path.symlink_metadata().is_err() {
        let fresh = path.with_extension(hex::encode(&random::bytes::<4>()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        io::Write::write_all(&mut file, hex::encode(&random::bytes::<32>()).as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&fresh, path);
        fs::remove_file(&fresh)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    // Even if it was there: the process that made it may have been killed before it came to this.
    disk::sync_dir(path.parent().unwrap_or(path))
}

/// The secret kept at `path`.
fn kept_secret(path: &Path) -> io::Result<Secret> {
    let (secret, closed) = private::read_own(path)?;
    let secret = secret.trim().to_owned();
    if secret.len() < 64 {
        return Err(io::Error::other(format!(
            "{} is damaged: it should hold 64 hexadecimal digits; restore it from a backup. A new one, which is \
             made where there is none, ends all tickets, URLs of links and drops, and secrets of webhooks",
            path.display()
        )));
    }
    closed?;
    Ok(Secret::from(secret))
}
