//! The comparison with a storage that lists its contents in the order of their keys, and tells their sizes with them: one walk
//! through both, side by side, and no request for a file that is as it should be.

use std::{cmp::Ordering, collections::VecDeque, pin::pin};

use entity::file;
use futures_util::{Stream, TryStreamExt};

use super::{Options, PAGE, Report, check_content, check_file, settled};
use crate::{app::App, domain::files::in_order_of_content, error::Result, storage::Listed};

/// Files in the order of their content keys.
struct Files<'a> {
    app: &'a App,
    after: String,
    page: VecDeque<file::Model>,
}

impl Files<'_> {
    async fn next(&mut self) -> Result<Option<file::Model>> {
        if self.page.is_empty() {
            let page = in_order_of_content(self.app, &self.after, PAGE).await?;
            self.page = page.into();
            if let Some(last) = self.page.back() {
                self.after.clone_from(&last.content_key);
            }
        }
        Ok(self.page.pop_front())
    }
}

pub(super) async fn check(
    app: &App,
    options: Options,
    listed: impl Stream<Item = Result<Listed>>,
    report: &mut Report,
    progress: &mut impl FnMut(&Report),
) -> Result<()> {
    let settled = settled(app, options);
    let mut listed = pin!(listed);
    let mut files = Files {
        app,
        after: String::new(),
        page: VecDeque::new(),
    };
    let (mut content, mut file) = (listed.try_next().await?, files.next().await?);
    loop {
        let order = match (&content, &file) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(content), Some(file)) => content.key.as_str().cmp(&*file.content_key),
        };
        let here = content.take_if(|_| order.is_le());
        let row = file.take_if(|_| order.is_ge());
        if let Some(content) = &here {
            report.contents += 1;
            if report.contents.is_multiple_of(PAGE) {
                progress(report);
            }
            if row.is_none() {
                check_content(app, &content.key, settled, options, report).await?;
            }
        }
        if let Some(row) = row {
            report.files += 1;
            report.bytes += u64::try_from(row.size).unwrap_or_default();
            let bytes = here
                .as_ref()
                .and_then(|content| i64::try_from(content.bytes).ok());
            // What is not in the list, or of another size there, is looked at by itself: the list may be older.
            if bytes != Some(row.size) || options.hash {
                check_file(app, row, options, report).await?;
            }
        }
        if order.is_le() {
            content = listed.try_next().await?;
        }
        if order.is_ge() {
            file = files.next().await?;
        }
    }
}
