"""Run filters over a list, as nova/filters.py does."""


class BaseFilter:
    """Base of all filters.

    Source: ``BaseFilter`` in nova/filters.py, Nova 34.0.0.
    """

    #: True when the answer cannot change between the servers of one request.
    run_filter_once_per_request = False

    def _filter_one(self, obj, spec_obj):
        return True

    def filter_all(self, filter_obj_list, spec_obj):
        """Yield the objects that pass."""
        for obj in filter_obj_list:
            if self._filter_one(obj, spec_obj):
                yield obj

    def run_filter_for_index(self, index):
        """Return whether the filter runs for the index-th server of a request."""
        return not (self.run_filter_once_per_request and index > 0)


class BaseFilterHandler:
    """Runs the filters in order and stops when nothing is left.

    Source: ``BaseFilterHandler`` in nova/filters.py, Nova 34.0.0.
    """

    def get_filtered_objects(self, filters, objs, spec_obj, index=0, trace=None):
        """Return what all *filters* leave of *objs*."""
        for filter_ in filters:
            if not filter_.run_filter_for_index(index):
                continue
            before, left = objs, filter_.filter_all(objs, spec_obj)
            objs = left if isinstance(left, type(before)) else before.keep(left or ())
            if trace is not None:
                trace.filter(filter_, before, objs, spec_obj)
            if not len(objs):
                break
        return objs
