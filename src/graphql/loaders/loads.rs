//! The loads of one operation. Fields say for which row they wait. Once no field can go on, all that was asked of one kind is
//! loaded together, by the task that runs the operation.
//!
//! async-graphql has this too, but waits for a millisecond by a timer on a thread of its own, and loads in another task. Both
//! wake threads, and a field then costs more than its row.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    hash::Hash,
    mem,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture, Shared},
    stream::FuturesUnordered,
};
use tokio::sync::oneshot;

use crate::{
    app::SharedApp,
    auth::Viewer,
    error::{Error, Result},
};

/// So many rows are loaded by one query at most.
const AT_ONCE: usize = 1000;

/// Who asks for rows, and what reads them.
pub struct Asking {
    pub app: SharedApp,
    pub viewer: Option<Viewer>,
}

/// What names a row to load.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    type Row: Clone + Send + Sync + 'static;

    /// The rows of those of `keys` that have one.
    fn load(
        asks: &Asking,
        keys: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Row>>> + Send;
}

/// What an operation loads. Clones share it.
#[derive(Clone)]
pub struct Loads(Arc<(Asking, Mutex<Due>)>);

/// What is to be loaded next.
#[derive(Default)]
struct Due {
    /// A [`Gathered`] for each type of keys.
    gathered: Vec<(TypeId, Box<dyn Any + Send>)>,
    /// What loads them.
    loads: Vec<fn(Loads) -> BoxFuture<'static, ()>>,
}

/// Keys of one type, and where their rows will be found.
struct Gathered<K: Key> {
    keys: HashSet<K>,
    answer: oneshot::Sender<Loaded<K>>,
    loaded: Shared<oneshot::Receiver<Loaded<K>>>,
}

/// What every key of a load gets.
type Loaded<K> = Result<Arc<HashMap<K, <K as Key>::Row>>, Arc<Error>>;

impl Loads {
    /// The loads of an operation of `viewer`'s.
    pub fn new(app: &SharedApp, viewer: Option<&Viewer>) -> Self {
        let asks = Asking {
            app: SharedApp::clone(app),
            viewer: viewer.cloned(),
        };
        Self(Arc::new((asks, Mutex::default())))
    }

    /// The row of `key`, if it has one.
    pub async fn row<K: Key>(&self, key: K) -> Result<Option<K::Row>> {
        let loaded = self.due().gather(key.clone());
        match loaded.await {
            Ok(Ok(rows)) => Ok(rows.get(&key).cloned()),
            Ok(Err(error)) => Err(Error::new(error.code, error.detail.clone())),
            Err(_) => Err(Error::internal("a load did not end")),
        }
    }

    /// Runs `execution`, and loads what its fields wait for.
    pub async fn drive<F: Future + Unpin>(&self, mut execution: F) -> F::Output {
        let mut under_way = FuturesUnordered::new();
        future::poll_fn(|context| {
            loop {
                if let Poll::Ready(done) = execution.poll_unpin(context) {
                    return Poll::Ready(done);
                }
                let loads = mem::take(&mut self.due().loads);
                under_way.extend(loads.into_iter().map(|load| load(self.clone())));
                let Poll::Ready(Some(())) = under_way.poll_next_unpin(context) else {
                    return Poll::Pending;
                };
            }
        })
        .await
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        // What panicked while holding it was a key's own code.
        self.0.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load<K: Key>(self) {
        let Some(Gathered { keys, answer, .. }) = self.due().take::<K>() else {
            return;
        };
        let keys: Vec<_> = keys.into_iter().collect();
        let load = async {
            let (first, others) = keys.split_at(keys.len().min(AT_ONCE));
            let mut rows = K::load(&self.0.0, first).await?;
            for keys in others.chunks(AT_ONCE) {
                rows.extend(K::load(&self.0.0, keys).await?);
            }
            Ok(Arc::new(rows))
        };
        let loaded = AssertUnwindSafe(load).catch_unwind().await;
        let loaded = loaded.unwrap_or_else(|_panic| Err(Error::internal("a load panicked")));
        let loaded = loaded.map_err(|error: Error| {
            error.log();
            Arc::new(error)
        });
        // Nobody waits any more where all fields were given up.
        let _ = answer.send(loaded);
    }
}

impl Due {
    /// Adds a key to those of its type.
    fn gather<K: Key>(&mut self, key: K) -> Shared<oneshot::Receiver<Loaded<K>>> {
        let kind = TypeId::of::<K>();
        let mut gathered = self.gathered.iter_mut().filter(|(of, _)| *of == kind);
        if let Some(Gathered { keys, loaded, .. }) =
            gathered.find_map(|(_, it)| it.downcast_mut::<Gathered<K>>())
        {
            keys.insert(key);
            return loaded.clone();
        }
        let (answer, loaded) = oneshot::channel();
        let loaded = loaded.shared();
        let gathered = Gathered {
            keys: HashSet::from([key]),
            answer,
            loaded: loaded.clone(),
        };
        self.gathered.push((kind, Box::new(gathered)));
        self.loads.push(|loads| loads.load::<K>().boxed());
        loaded
    }

    /// The keys of this type. Who comes now is loaded next time.
    fn take<K: Key>(&mut self) -> Option<Gathered<K>> {
        let kind = TypeId::of::<K>();
        let place = self.gathered.iter().position(|(of, _)| *of == kind)?;
        let (_, gathered) = self.gathered.swap_remove(place);
        gathered.downcast().ok().map(|gathered| *gathered)
    }
}
