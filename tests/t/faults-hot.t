# Intent: keys that clients only read stay warm on the follower too, while everything around them is
# evicted: it holds at least 95 % of what the leader holds of them. tests/faults/run KIND=hot does the
# same for 60 s with 64 MB.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../faults";
use MemvipTest;
use FaultHot;
use Test::More;

hot_run('hot keys', seconds => 15, megabytes => 16, keys => 300, reads => 6000, writes => 2000);
done_testing;
