// What objects held, to be found the same again.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <deque>
#include <vector>

namespace nb = nanobind;

// Statements about Python objects, each of which holds as long as the very same objects are found.
// It owns what it compares with: an address means an object only while that lives.
class Facts {
public:
    enum Kind { ATTRIBUTE, ENTRY, LOOKUP, ITEMS, CONTENTS, KEYS, LENGTH, ALIKE };
    using Numbers = nb::ndarray<const float, nb::ndim<1>, nb::c_contig>;

    void attributes(nb::str name, nb::list owners, nb::list values);
    void entry(nb::dict owner, nb::object key, nb::object value);
    void lacks(nb::dict owner, nb::object key);
    void lookup(nb::type_object kind, nb::str name, nb::object value);
    void items(nb::list owner, nb::list values);
    void contents(nb::dict owner, nb::dict content, nb::tuple but);
    void keys(nb::dict owner, nb::list keys);
    void length(nb::list owner, Py_ssize_t size);
    void alike(nb::object owner, const Numbers& numbers);
    bool hold() const;

    int traverse(visitproc visit, void* arg) const;
    void clear();

private:
    struct Fact {
        Kind kind;
        nb::object owner, key, value;
        std::vector<nb::object> parts;
        Py_ssize_t size = 0;
        const float* numbers = nullptr;  // of an array, which the owner is
    };
    static bool holds(const Fact& fact);
    std::deque<Fact> facts;  // what an attribute runs may state more while they are walked
};

// Objects, and how many references to each there were when that was noted.
class Holders {
public:
    explicit Holders(nb::list objects);
    void note();
    bool same() const;

    int traverse(visitproc visit, void* arg) const;
    void clear();

private:
    std::vector<nb::object> objects;
    std::vector<Py_ssize_t> counts;
};
