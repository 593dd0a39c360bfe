"""The laws that every merge method, sampler and objective must pass; also for plug-in authors."""
