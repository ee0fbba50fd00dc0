"""`iepile push`: upload the corpus to the Hugging Face Hub."""

from pathlib import Path

from huggingface_hub import HfApi, errors, get_token, metadata_load

from pipeline import catalog
from pipeline.catalog import editions
from pipeline.commands import Arguments, say
from pipeline.errors import DeclarationError, RawFileError, WorkError
from pipeline.execution import ownership, shards

#: Restrictions of a license under which texts must not be handed on freely.
_CLOSED = {"no-redistribution", "agreement"}


def run(arguments: Arguments) -> int:
    """Check what may be uploaded, upload it, and print where it is."""
    corpus, repository = arguments.corpus, arguments.repository
    with ownership.reading(corpus):
        _check(arguments)
        api = HfApi()
        if not get_token():
            todo = "log in with `hf auth login`, or set HF_TOKEN"
            raise WorkError("you are not logged in to the Hub", where=repository, todo=todo)
        private = arguments.private or None
        try:
            page = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            about = api.repo_info(repository, repo_type="dataset")
            if arguments.private and not about.private:
                todo = "make it private at the Hub, or name another one"
                raise DeclarationError("this repository is public", where=repository, todo=todo)
            api.upload_folder(
                repo_id=repository,
                repo_type="dataset",
                folder_path=corpus,
                # Shards that this corpus does not have must not stay beside the new ones.
                delete_patterns=["*.parquet"],
                commit_message="Upload the corpus",
            )
        except errors.HFValidationError as problem:
            todo = "name the repository as OWNER/NAME"
            raise DeclarationError(str(problem), where=repository, todo=todo) from None
        except errors.HfHubHTTPError as problem:
            answer = problem.response
            what = f"the Hub answers {answer.status_code} {answer.reason_phrase}"
            todo = (
                "see that OWNER is right, and that your token is valid and may write there: log in "
                "again with `hf auth login`, or set HF_TOKEN; what the Hub has is kept"
            )
            raise WorkError(what, where=repository, todo=todo) from None
        except (errors.HTTPError, ConnectionError) as problem:  # type: ignore[attr-defined]
            what = f"the Hub cannot be reached: {type(problem).__name__}"
            todo = "check the network, and HF_ENDPOINT if you set it"
            raise WorkError(what, where=api.endpoint, todo=todo) from None
    say(f"uploaded: {page}")
    return 0


def _check(arguments: Arguments) -> None:
    """Raise `PipelineError` unless this is a corpus that may be uploaded."""
    card = arguments.corpus / "README.md"
    datasets = _datasets(arguments.corpus)
    if not card.is_file() or not datasets:
        todo = "make one with `iepile run`, or name its folder with --corpus"
        raise RawFileError("there is no corpus here", where=arguments.corpus, todo=todo)
    edition = (metadata_load(card) or {}).get("edition") or {}
    invented = edition.get("invented") or []
    if invented and not arguments.allow_sample:
        _refuse(editions.warning(invented, len(datasets)), arguments, "--allow-sample")
    closed = [
        dataset.id
        for dataset in map(catalog.load, datasets)
        if dataset.id not in invented
        if dataset.access == "licensed" or _CLOSED & {*dataset.restrictions}
    ]
    if closed and not arguments.allow_licensed:
        what = f"the licenses of {', '.join(closed)} do not let everybody hand them on"
        _refuse(what, arguments, "--allow-licensed")


def _refuse(what: str, arguments: Arguments, option: str) -> None:
    todo = f"say {option} if you may and want to; --private keeps the repository to yourself"
    raise DeclarationError(what, where=arguments.corpus, todo=todo)


def _datasets(corpus: Path) -> list[str]:
    """Return the ids of the datasets whose rows are in a corpus."""
    ids: set[str] = set()
    for shard in sorted(corpus.rglob("*.parquet")):
        column = shards.read(shard, ["record_id"])["record_id"]
        ids |= {record.partition("/")[0] for record in column.to_pylist()}
    return sorted(ids)
