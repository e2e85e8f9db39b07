"""Run filters over a list, as nova/filters.py does."""

from labkit.nova import loadables


class BaseFilter:
    """Base of all filters."""

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


class BaseFilterHandler(loadables.BaseLoader):
    """Runs the filters in order and stops when nothing is left."""

    def get_filtered_objects(self, filters, objs, spec_obj, index=0):
        """Return what all *filters* leave of *objs*; None when one says to stop filtering."""
        list_objs = list(objs)
        for filter_ in filters:
            if filter_.run_filter_for_index(index):
                objs = filter_.filter_all(list_objs, spec_obj)
                if objs is None:
                    return None
                list_objs = list(objs)
                if not list_objs:
                    break
        return list_objs
