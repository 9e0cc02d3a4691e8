"""Causes that any layer can have: what it does besides computing, and what it leaves undone."""

from __future__ import annotations

from rushlight.check.texts.text import Text
from rushlight.check.texts.words import Words

__all__ = ["CONDUCT"]

CONDUCT = {
    "array_replaced": Words(
        Text("the gradient array is replaced", "массив градиента подменён"),
        Text(
            "[[{method}|accGradParameters or zeroGradParameters]] binds [[{tensor}|a gradient]] "
            "to a new array; an optimizer that holds getGradParameters() still sees the old one",
            "[[{method}|accGradParameters или zeroGradParameters]] создаёт для "
            "[[{tensor}|градиента]] новый массив, а оптимизатор, который взял getGradParameters() "
            "раньше, видит старый",
        ),
        Text(
            "Write into the array that is there: `self.[[{tensor}|gradW]] += ...` to add, "
            "`self.[[{tensor}|gradW]].fill(0)` to clear; never `self.[[{tensor}|gradW]] = ...` "
            "after the constructor.",
            "Пишите в уже существующий массив: `self.[[{tensor}|gradW]] += ...`, чтобы прибавить, "
            "и `self.[[{tensor}|gradW]].fill(0)`, чтобы обнулить; присваивание "
            "`self.[[{tensor}|gradW]] = ...` допустимо только в конструкторе.",
        ),
    ),
    "not_zeroed": Words(
        Text("gradients are not zeroed", "градиенты не обнулены"),
        Text(
            "zeroGradParameters leaves [[{tensor}|a gradient]] as it was",
            "zeroGradParameters не обнуляет [[{tensor}|градиент]]",
        ),
        Text(
            "Clear every gradient array in place: `self.[[{tensor}|gradW]].fill(0)`.",
            "Обнуляйте каждый массив градиента на месте: `self.[[{tensor}|gradW]].fill(0)`.",
        ),
    ),
    "stale_buffer": Words(
        Text("an array of an earlier call", "массив от прошлого вызова"),
        Text(
            "the result is computed from, or returned in, an array of an earlier call",
            "результат вычислен по массиву от прошлого вызова или возвращён в том же массиве",
        ),
        Text(
            "Make a new array in each call (`np.zeros_like(input)`), and compute from the "
            "arguments input and gradOutput, not from what an earlier call has left in self.",
            "Создавайте новый массив в каждом вызове (`np.zeros_like(input)`) и считайте по "
            "аргументам input и gradOutput, а не по тому, что осталось в self от прошлого вызова.",
        ),
    ),
    "input_modified": Words(
        Text("the argument is written into", "аргумент изменён"),
        Text(
            "the [[{method}|layer]] writes into [[{tensor}|its input or "
            "gradOutput]], which belongs to another layer",
            "[[{method}|слой]] пишет в [[{tensor}|input или gradOutput]] — "
            "массив, который принадлежит другому слою",
        ),
        Text(
            "Do not use `-=`, `*=`, `out=` or `[...] =` on an argument: write `x = input - m` for "
            "`input -= m`, or begin with `x = input.copy()`.",
            "Не применяйте к аргументам `-=`, `*=`, `out=` и `[...] =`: пишите `x = input - m` "
            "вместо `input -= m` или начните с `x = input.copy()`.",
        ),
    ),
    "returns_none": Words(
        Text("None is returned", "возвращается None"),
        Text(
            "[[{method}|the method]] returns None[[ ({line})]]: there is no return at its end, or "
            "nothing is stored",
            "[[{method}|метод]] возвращает None[[ ({line})]]: в конце нет return или результат не "
            "сохранён",
        ),
        Text(
            "Store the result and return it: updateOutput ends with `return self.output`, "
            "updateGradInput with `return self.gradInput`.",
            "Сохраните результат и верните его: updateOutput заканчивается строкой `return "
            "self.output`, updateGradInput — строкой `return self.gradInput`.",
        ),
    ),
    "nested_def": Words(
        Text("a method inside a method", "метод внутри другого метода"),
        Text(
            "[[{method}|a method]] is defined inside another function[[ ({line})]], so the class "
            "does not have it and None comes out",
            "[[{method}|метод]] определён внутри другой функции[[ ({line})]]: у класса его нет, и "
            "получается None",
        ),
        Text(
            "Move `def [[{method}|updateOutput]]` to the left, to the indentation of the other "
            "methods of the class.",
            "Сдвиньте `def [[{method}|updateOutput]]` влево, на уровень остальных методов класса.",
        ),
    ),
    "early_return": Words(
        Text("return comes too early", "преждевременный return"),
        Text(
            "a return inside a loop, or before the end[[, in {method}]][[ ({line})]], leaves the "
            "work unfinished",
            "return внутри цикла или раньше конца[[ метода {method}]][[ ({line})]] обрывает "
            "работу на полпути",
        ),
        Text(
            "Move the return behind the loop, to the indentation of the `for`.",
            "Поставьте return после цикла, с тем же отступом, что у `for`.",
        ),
    ),
    "missing_method": Words(
        Text("a method or array is missing", "нет метода или массива"),
        Text(
            "[[there is no method {method}|a method or an array of the layer is missing]][[: "
            "{name}]]",
            "[[нет метода {method}|у слоя нет нужного метода или массива]][[: {name}]]",
        ),
        Text(
            "Methods stand in the class, at one indentation; arrays are made in the constructor. "
            "Mind the spelling.",
            "Методы стоят в классе, с одним отступом; массивы создаются в конструкторе. Проверьте "
            "написание имён.",
        ),
    ),
    "argument_order": Words(
        Text("arguments the other way round", "аргументы переставлены"),
        Text(
            "[[{method}|backward]] takes gradOutput first, but it is called with the input first",
            "[[{method}|backward]] принимает первым gradOutput, а вызывается сначала с input",
        ),
        Text(
            "Declare it as `def [[{method}|backward]](self, input, gradOutput)`.",
            "Объявите его так: `def [[{method}|backward]](self, input, gradOutput)`.",
        ),
    ),
    "crash": Words(
        Text("an exception on valid input", "исключение на верном входе"),
        Text(
            "the layer raises on a valid input",
            "слой вызывает исключение на верном входе",
        ),
        Text(
            "Run this very case by hand and look at the shapes; the layer must take it.",
            "Запустите этот случай вручную и посмотрите на формы массивов: слой должен с ним "
            "справляться.",
        ),
    ),
    "raises_in_constructor": Words(
        Text("the constructor raises", "исключение в конструкторе"),
        Text(
            "the constructor raises on valid arguments",
            "конструктор вызывает исключение на верных аргументах",
        ),
        Text(
            "Check the names, number and defaults of the constructor's arguments, and that it "
            "calls `super().__init__()`.",
            "Проверьте имена, число и значения по умолчанию аргументов конструктора и вызов "
            "`super().__init__()`.",
        ),
    ),
    "delegated": Words(
        Text("not written by hand", "слой не написан вручную"),
        Text(
            "the work is handed to [[{name}|the layer of a library]][[ ({line})]]; nothing is "
            "computed by hand",
            "вычисления переданы [[{name}|слою из библиотеки]][[ ({line})]], вручную ничего не "
            "написано",
        ),
        Text("Write the formula out in NumPy:", "Напишите формулу сами, на NumPy:"),
    ),
    "random_result": Words(
        Text("results differ between calls", "разный результат при повторе"),
        Text(
            "two calls with the same input disagree, although nothing here is random",
            "два вызова с одним и тем же входом дают разный результат, хотя случайности здесь "
            "быть не должно",
        ),
        Text(
            "Look for np.empty that is not filled, random numbers drawn outside the constructor, "
            "and fields that one call changes for the next.",
            "Ищите незаполненный np.empty, случайные числа вне конструктора и поля, которые один "
            "вызов меняет для следующего.",
        ),
    ),
    "dtype_changed": Words(
        Text("another dtype comes out", "меняется dtype"),
        Text(
            "[[{tensor}|the result]] does not keep the dtype of the input[[: {dtype} comes out]]",
            "[[{tensor}|результат]] не сохраняет dtype входа[[: получается {dtype}]]",
        ),
        Text(
            "Make arrays with the dtype of the input (`np.zeros(shape, dtype=input.dtype)`) and do "
            "not cast to another; float32 with float64 gives float64.",
            "Создавайте массивы с dtype входа (`np.zeros(shape, dtype=input.dtype)`) и не "
            "приводите их к другому; float32 вместе с float64 даёт float64.",
        ),
    ),
    "warning_raised": Words(
        Text("a warning is raised", "предупреждение при вычислении"),
        Text(
            "[[{method}|the layer]] warns, though the result is right[[: {error}]][[ ({line})]]",
            "[[{method}|слой]] выдаёт предупреждение, хотя результат верный[[: {error}]][[ "
            "({line})]]",
        ),
        Text(
            "np.where computes both branches: bring the arguments into range first, for example "
            "with `np.minimum(input, 0)`.",
            "np.where вычисляет обе ветви: сначала ограничьте аргумент, например "
            "`np.minimum(input, 0)`.",
        ),
    ),
    "dialect_convention": Words(
        Text("another convention", "другое соглашение"),
        Text(
            "this follows another convention of the same layer[[: {name}]][[ ({option} = "
            "{value})]]",
            "здесь принято другое соглашение для того же слоя[[: {name}]][[ ({option} = {value})]]",
        ),
        Text(
            "Nothing is wrong if your course asks for it; choose what to compare with by "
            "`--like torch_like` or `--like practical_dl`.",
            "Если так требует ваш курс, это не ошибка; с чем сравнивать, выбирает "
            "`--like torch_like` или `--like practical_dl`.",
        ),
    ),
}
