package redisbus

import "hash/fnv"

// buckets is how many parts the channels have in a Redis Cluster. All nodes of
// a deployment must agree on it, so it is not configurable.
const buckets = 16

// tags are hash tags, one for each bucket. Their slots are spread evenly: that
// of the n-th lies about the middle of the n-th sixteenth, so a Cluster of up
// to 16 masters shares the work, however it divides the slots into ranges.
var tags = [buckets]string{
	"18", "21", "0b", "2h", "19", "20", "0c", "2i", "09", "23", "0d", "2j", "08", "22", "0a", "2k",
}

// bucketOf is where a channel belongs.
func bucketOf(channel string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel)) // never fails
	return int(h.Sum32() % buckets)
}
