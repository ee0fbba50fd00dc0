"""A day of use: random legal operations in a workspace, checked after each against a clean rebuild.

    python -m tests.day --seed 3 --operations 50      # the same operations for the same seed

A failure names the seed and lists what was done, so that it can be played again.
"""

from tests.day import edits, uses
from tests.day.world import LISTED, World

CHANGES = {
    edits.change_a_parameter: 5,
    edits.cap_or_repeat: 1,
    edits.new_dataset: 1,
    edits.declare_by_hand: 1,
    edits.edit_a_label_in_raw_files: 2,
    edits.add_a_row_and_forget_the_manifest: 1,
    edits.use_an_unknown_label: 1,
    edits.rename_a_label: 2,
    edits.list_other_datasets: 1,
    edits.remove_raw_files: 1,
    edits.put_raw_files_back: 1,
    edits.remove_a_declaration: 1,
    edits.override_a_link: 1,
    edits.write_nonsense_into_the_parameters: 1,
    edits.switch_the_edition: 1,
    edits.fetch_from_a_mirror: 1,
    uses.go_back_to_the_defaults: 1,
}
USES = {
    uses.run_everything: 2,
    uses.run_with_two_workers: 1,
    uses.run_stage_by_stage: 3,
    uses.run_a_second_time: 1,
    uses.be_interrupted: 3,
    uses.fail_in_the_middle: 1,
    uses.forget_a_stage: 3,
    uses.export: 5,
    uses.import_back: 1,
    uses.score: 2,
    uses.look: 2,
    uses.stand_in_the_wrong_folder: 1,
}


def play(folder, seed, operations, *, names=LISTED, last=(), dvc=False, say=lambda _: None):
    """Spend a day; return how many files, bytes and exports were compared.

    The operations are random, and then those named in `last`.
    """
    world = World(folder, seed, names)
    choice = {**CHANGES, **USES, **({uses.run_by_dvc: 4} if dvc else {})}
    try:
        uses.run_everything(world)
        for number in range(operations + len(last)):
            left = number - operations
            operation = world.rng.choices([*choice], [*choice.values()])[0]
            operation = last[left] if left >= 0 else operation
            world.history.append(f"-- {number + 1}. {operation.__name__}")
            say(world.history[-1])
            operation(world)
            world.check()
        uses.run_everything(world)
    except BaseException as problem:
        told = "\n".join(world.history)
        problem.add_note(f"python -m tests.day --seed {seed} --operations {operations}\n{told}")
        raise
    finally:
        world.close()
    return world.compared
