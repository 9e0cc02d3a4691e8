"""Why a layer was not checked, in a few words, for tables."""

from __future__ import annotations

__all__ = ["reason_title"]

_REASONS = {  # identifier: (English, Russian)
    "timeout": ("time limit", "предел времени"),
    "exit": ("ends the program", "завершает программу"),
    "memory": ("memory limit", "предел памяти"),
    "killed": ("process was killed", "процесс убит"),
    "stdin": ("reads standard input", "читает ввод"),
    "unknown_layer": ("unknown layer", "незнакомый слой"),
    "absent": ("not in the file", "нет в файле"),
    "abstract": ("base class", "базовый класс"),
    "no_constructor": ("cannot be made", "не создаётся"),
    "stub": ("needs a missing package", "нет нужного пакета"),
    "exception": ("an exception", "исключение"),
    "interrupt": ("raises KeyboardInterrupt", "вызывает KeyboardInterrupt"),
    "kill": ("sends signals", "посылает сигналы"),
    "crash": ("interpreter crashed", "сбой интерпретатора"),
    "unused": ("needs what is missing", "нет нужного имени"),
    "no_time": ("no time left", "не хватило времени"),
    "definition": ("not defined", "не определён"),
}


def reason_title(reason: str, lang: str) -> str:
    """Return a reason in a few words; one without any stands for itself.

    Example:
        >>> reason_title("exit", "en"), reason_title("exit", "ru")
        ('ends the program', 'завершает программу')
    """
    english, russian = _REASONS.get(reason, (reason.replace("_", " "),) * 2)
    return russian if lang == "ru" else english
