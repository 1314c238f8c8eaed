//! What a model's bytes are in, a GGUF or a folder, and where its words are then; knows no decoder.

use crate::error::{Error, Result};
use crate::gguf::{Gguf, Header, Limits, Opening, Source};
use crate::pause::Pauses;
use crate::text::tokenizer::{Tokenizer, VocabularyData, chat_template};
#[cfg(feature = "folders")]
use crate::{
    gguf::Folder,
    model::{FolderModel, FolderNames},
    text::tokenizer::VocabularyFiles,
};

/// The longest files of a folder's vocabulary; the longest real ones have 33 MB and 2 MB.
#[cfg(feature = "folders")]
const MAX_TOKENIZER: u64 = 256 << 20;
#[cfg(feature = "folders")]
const MAX_BESIDE: u64 = 16 << 20;

/// What a model's bytes are in.
pub(super) enum Container {
    Gguf(Source),
    #[cfg(feature = "folders")]
    Folder(Folder),
}

impl Container {
    /// What `source` is. Asks the file system.
    ///
    /// # Errors
    /// `Unsupported` for a folder where the build reads none.
    pub(super) fn of(source: Source) -> Result<Self> {
        #[cfg(feature = "folders")]
        if let Some(folder) = Folder::of(&source) {
            return Ok(Self::Folder(folder));
        }
        #[cfg(not(feature = "folders"))]
        if let Source::File { path, .. } = &source
            && path.join("config.json").is_file()
        {
            let message = format!(
                "{}: this build reads no folders with safetensors: build it with the feature folders, or convert \
                 the model to GGUF",
                path.display()
            );
            return Err(Error::new(crate::error::ErrorKind::Unsupported, message));
        }
        Ok(Self::Gguf(source))
    }

    /// The model's header alone, and its words.
    ///
    /// # Errors
    /// As [`Gguf::open_header`]'s, and [`FolderModel::read`]'s.
    pub(super) async fn header(self, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<(Header, Words)> {
        match self {
            Self::Gguf(source) => {
                Ok((Gguf::open_header_in_pieces(source, limits, pauses).await?, Words::InHeader))
            }
            #[cfg(feature = "folders")]
            Self::Folder(folder) => {
                let FolderModel { described, names } = FolderModel::read(&folder, limits, pauses).await?;
                Ok((described.header(), Words::InFolder { folder, names }))
            }
        }
    }

    /// The model, to be opened, and its words.
    ///
    /// # Errors
    /// As [`header`](Self::header)'s; `OutOfMemory` over the limits.
    pub(super) async fn opening(self, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<(Opening, Words)> {
        match self {
            Self::Gguf(source) => Ok((Opening::begin(source, limits, pauses).await?, Words::InHeader)),
            #[cfg(feature = "folders")]
            Self::Folder(folder) => {
                let FolderModel { described, names } = FolderModel::read(&folder, limits, pauses).await?;
                let opening = described.opening(limits);
                let opening = opening.map_err(|e| e.within(folder.path().display()))?;
                Ok((opening, Words::InFolder { folder, names }))
            }
        }
    }

    /// Whether weights are mapped.
    pub(super) fn maps(&self) -> bool {
        match self {
            Self::Gguf(source) => matches!(source, Source::File { no_mmap: false, .. }),
            #[cfg(feature = "folders")]
            Self::Folder(folder) => folder.maps(),
        }
    }
}

/// Where a model's vocabulary and template are.
pub(super) enum Words {
    InHeader,
    #[cfg(feature = "folders")]
    InFolder {
        folder: Folder,
        names: FolderNames,
    },
}

impl Words {
    /// The vocabulary, and the model's own chat template.
    ///
    /// # Errors
    /// As [`Tokenizer::new`]'s and [`Tokenizer::from_folder_in_pieces`]'s; what stops `pauses`.
    pub(super) async fn read(
        &self,
        header: &Header,
        pauses: &mut Pauses<'_>,
    ) -> Result<(Tokenizer, Option<String>)> {
        match self {
            Self::InHeader => {
                let data = VocabularyData::from_gguf_in_pieces(header.metadata(), pauses).await?;
                let own = chat_template(header.metadata())?.map(str::to_owned);
                Ok((Tokenizer::new_in_pieces(&data, pauses).await?, own))
            }
            #[cfg(feature = "folders")]
            Self::InFolder { folder, .. } => {
                let files = files(folder, pauses).await?;
                let embedding = header.tensor("token_embd.weight").and_then(|tensor| tensor.shape().get(1));
                let rows = embedding.and_then(|rows| usize::try_from(*rows).ok());
                let tokenizer = Tokenizer::from_folder_in_pieces(&files, rows, pauses).await;
                let read = tokenizer.and_then(|tokenizer| Ok((tokenizer, files.chat_template()?)));
                read.map_err(|e| e.within(folder.path().display()))
            }
        }
    }

    /// `error`, which the model's description gives, in the words of what it is in.
    pub(super) fn explain(&self, error: Error) -> Error {
        match self {
            Self::InHeader => error,
            #[cfg(feature = "folders")]
            Self::InFolder { folder, names } => names.explain(error).within(folder.path().display()),
        }
    }
}

#[cfg(feature = "folders")]
async fn files(folder: &Folder, pauses: &mut Pauses<'_>) -> Result<VocabularyFiles> {
    let mut read =
        async |name: &str| folder.read(name, MAX_BESIDE, pauses).await.map(Option::unwrap_or_default);
    let config = read("tokenizer_config.json").await?;
    let model = [read("config.json").await?, read("generation_config.json").await?];
    let template = read("chat_template.jinja").await?;
    let tokenizer = folder.require("tokenizer.json", MAX_TOKENIZER, pauses).await?;
    Ok(VocabularyFiles { tokenizer, config, model, template })
}
