// See facts.h. Pointers are compared and nothing else; what can only be told by running code of the
// objects' own (attributes) counts as changed where that raises an Exception.
#include "facts.h"

namespace {

std::vector<nb::object> members(nb::handle list) {
    std::vector<nb::object> found;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.ptr()); i++)
        found.push_back(nb::borrow(PyList_GET_ITEM(list.ptr(), i)));
    return found;
}

// Tell that something cannot be read; what is no Exception (Ctrl-C) is whoever's who called.
bool unread() {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) throw nb::python_error();
    PyErr_Clear();
    return false;
}

bool has_attribute(PyObject* owner, PyObject* name, PyObject* value) {
    PyObject* found = PyObject_GetAttr(owner, name);
    if (!found) return unread();
    Py_DECREF(found);  // compared as an address alone
    return found == value;
}

bool has_entry(PyObject* owner, PyObject* key, PyObject* value) {
    PyObject* found = PyDict_GetItemWithError(owner, key);
    if (!found && PyErr_Occurred()) return unread();  // a key that cannot be compared
    return found == value;
}

bool has_items(PyObject* list, const std::vector<nb::object>& parts) {
    if ((size_t)PyList_GET_SIZE(list) != parts.size()) return false;
    for (size_t i = 0; i < parts.size(); i++)
        if (PyList_GET_ITEM(list, (Py_ssize_t)i) != parts[i].ptr()) return false;
    return true;
}

// Tell whether a key is one of a tuple of strings; keys that were read from files are not interned.
bool is_among(PyObject* key, PyObject* names) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject* name = PyTuple_GET_ITEM(names, i);
        if (key == name) return true;
        if (PyUnicode_Check(key) && PyUnicode_GET_LENGTH(key) == PyUnicode_GET_LENGTH(name) &&
            PyUnicode_Compare(key, name) == 0)
            return true;
    }
    return false;
}

// Return a dict to walk: one that keeps an order of its own (OrderedDict) is copied in that.
nb::object walkable(PyObject* dict) {
    if (Py_TYPE(dict)->tp_iter == PyDict_Type.tp_iter) return nb::borrow(dict);
    nb::dict plain;
    if (PyDict_Update(plain.ptr(), dict) < 0) throw nb::python_error();
    return plain;
}

// Tell whether a dict has these keys and values, one after the other.
bool has_contents(PyObject* dict, const std::vector<nb::object>& parts, PyObject* but) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    size_t i = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (is_among(key, but)) continue;
        if (i == parts.size() || key != parts[i].ptr() || value != parts[i + 1].ptr()) return false;
        i += 2;
    }
    return i == parts.size();
}

bool has_keys(PyObject* dict, const std::vector<nb::object>& parts) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    size_t i = 0;
    if ((size_t)PyDict_GET_SIZE(dict) != parts.size()) return false;
    while (PyDict_Next(dict, &at, &key, &value))
        if (key != parts[i++].ptr()) return false;
    return true;
}

bool are_alike(const float* numbers, Py_ssize_t size) {
    for (Py_ssize_t i = 1; i < size; i++)
        if (numbers[i] != numbers[0]) return false;
    return true;
}

}  // namespace

void Facts::attributes(nb::str name, nb::list owners, nb::list values) {
    auto left = members(owners), right = members(values);
    if (left.size() != right.size()) throw nb::value_error("as many values as owners are wanted");
    PyObject* interned = name.release().ptr();
    PyUnicode_InternInPlace(&interned);
    nb::object key = nb::steal(interned);
    for (size_t i = 0; i < left.size(); i++)
        facts.push_back({ATTRIBUTE, left[i], key, right[i], {}, 0});
}

void Facts::entry(nb::dict owner, nb::object key, nb::object value) {
    facts.push_back({ENTRY, owner, key, value, {}, 0});
}

void Facts::lacks(nb::dict owner, nb::object key) {
    facts.push_back({ENTRY, owner, key, nb::object(), {}, 0});
}

void Facts::lookup(nb::type_object kind, nb::str name, nb::object value) {
    facts.push_back({LOOKUP, kind, name, value, {}, 0});
}

void Facts::items(nb::list owner, nb::list values) {
    facts.push_back({ITEMS, owner, {}, {}, members(values), 0});
}

void Facts::contents(nb::dict owner, nb::dict content, nb::tuple but) {
    for (nb::handle name : but)
        if (!PyUnicode_CheckExact(name.ptr()))
            throw nb::type_error("the keys left out are strings");
    std::vector<nb::object> parts;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    nb::object plain = walkable(content.ptr());
    while (PyDict_Next(plain.ptr(), &at, &key, &value))
        if (!is_among(key, but.ptr()))
            for (PyObject* part : {key, value}) parts.push_back(nb::borrow(part));
    facts.push_back({CONTENTS, owner, but, {}, std::move(parts), 0});
}

void Facts::keys(nb::dict owner, nb::list keys) {
    facts.push_back({KEYS, owner, {}, {}, members(keys), 0});
}

void Facts::length(nb::list owner, Py_ssize_t size) {
    facts.push_back({LENGTH, owner, {}, {}, {}, size});
}

void Facts::alike(nb::object owner, const Numbers& numbers) {
    facts.push_back({ALIKE, owner, {}, {}, {}, (Py_ssize_t)numbers.size(), numbers.data()});
}

bool Facts::holds(const Fact& fact) {
    PyObject *owner = fact.owner.ptr(), *key = fact.key.ptr(), *value = fact.value.ptr();
    switch (fact.kind) {
        case ATTRIBUTE: return has_attribute(owner, key, value);
        case ENTRY: return has_entry(owner, key, value);
        case LOOKUP: return _PyType_Lookup((PyTypeObject*)owner, key) == value;
        case ITEMS: return has_items(owner, fact.parts);
        case CONTENTS: return has_contents(walkable(owner).ptr(), fact.parts, key);
        case KEYS: return has_keys(walkable(owner).ptr(), fact.parts);
        case LENGTH: return PyList_GET_SIZE(owner) == fact.size;
        case ALIKE: return are_alike(fact.numbers, fact.size);
    }
    return false;
}

bool Facts::hold() const {
    for (size_t i = 0; i < facts.size(); i++)
        if (!holds(facts[i])) return false;
    return true;
}

int Facts::traverse(visitproc visit, void* arg) const {
    for (const Fact& fact : facts) {
        Py_VISIT(fact.owner.ptr());
        Py_VISIT(fact.key.ptr());
        Py_VISIT(fact.value.ptr());
        for (const nb::object& part : fact.parts) Py_VISIT(part.ptr());
    }
    return 0;
}

void Facts::clear() {
    std::deque<Fact> gone;  // what runs while they are let go finds nothing
    gone.swap(facts);
}

Holders::Holders(nb::list list) : objects(members(list)), counts(objects.size(), -1) {}

void Holders::note() {
    for (size_t i = 0; i < objects.size(); i++) counts[i] = Py_REFCNT(objects[i].ptr());
}

bool Holders::same() const {
    for (size_t i = 0; i < objects.size(); i++)
        if (counts[i] != Py_REFCNT(objects[i].ptr())) return false;
    return true;
}

int Holders::traverse(visitproc visit, void* arg) const {
    for (const nb::object& held : objects) Py_VISIT(held.ptr());
    return 0;
}

void Holders::clear() {
    std::vector<nb::object> gone;
    gone.swap(objects);
}
